// What a message head costs. Run: build/release/bin/head_bench
#include "http/head.hpp"

#include <benchmark/benchmark.h>

#include <string>

#include "http/body.hpp"

namespace sluice::http {
namespace {

// As the official Python package sends it.
constexpr std::string_view kRequest =
    "POST /v1/chat/completions HTTP/1.1\r\n"
    "Host: gateway.example:8080\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "Accept: application/json\r\n"
    "Content-Type: application/json\r\n"
    "User-Agent: OpenAI/Python 1.51.0\r\n"
    "X-Stainless-Lang: python\r\n"
    "X-Stainless-Package-Version: 1.51.0\r\n"
    "X-Stainless-OS: Linux\r\n"
    "X-Stainless-Arch: x64\r\n"
    "X-Stainless-Runtime: CPython\r\n"
    "X-Stainless-Runtime-Version: 3.11.2\r\n"
    "Authorization: Bearer sk-0123456789abcdef0123456789abcdef\r\n"
    "X-Stainless-Async: false\r\n"
    "x-stainless-retry-count: 0\r\n"
    "Content-Length: 214\r\n"
    "\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Date: Mon, 01 Jul 2024 12:00:00 GMT\r\n"
    "Content-Type: text/event-stream; charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\n"
    "Connection: keep-alive\r\n"
    "access-control-expose-headers: X-Request-ID\r\n"
    "openai-organization: example\r\n"
    "openai-processing-ms: 212\r\n"
    "openai-version: 2020-10-01\r\n"
    "x-ratelimit-limit-requests: 10000\r\n"
    "x-ratelimit-limit-tokens: 2000000\r\n"
    "x-ratelimit-remaining-requests: 9999\r\n"
    "x-ratelimit-remaining-tokens: 1999952\r\n"
    "x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
    "\r\n";

void BM_RequestHead(benchmark::State& state) {
  RequestHead head;
  for (auto _ : state) {
    size_t scanned = 0;
    benchmark::DoNotOptimize(parse_request_head(kRequest, scanned, {}, head));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kRequest.size()));
}

void BM_ResponseHead(benchmark::State& state) {
  ResponseHead head;
  for (auto _ : state) {
    size_t scanned = 0;
    benchmark::DoNotOptimize(parse_response_head(kResponse, scanned, {}, "POST", head));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kResponse.size()));
}

void BM_FieldsToPassOn(benchmark::State& state) {
  RequestHead head;
  size_t scanned = 0;
  parse_request_head(kRequest, scanned, {}, head);
  for (auto _ : state) {
    size_t passed = 0;
    for (const Field& field : head.fields) passed += is_hop_by_hop(field.name, head.fields) ? 0 : 1;
    benchmark::DoNotOptimize(passed);
  }
}

// One chunk an event, as upstreams send streams.
void BM_Chunk(benchmark::State& state) {
  std::string chunk = "c8\r\n" + std::string(200, 'x') + "\r\n";
  BodyDecoder body(Framing::kChunked, 0);
  for (auto _ : state) {
    std::string_view input = chunk;
    while (body.next(input).kind == BodyDecoder::kData) {
    }
  }
}

BENCHMARK(BM_RequestHead);
BENCHMARK(BM_ResponseHead);
BENCHMARK(BM_FieldsToPassOn);
BENCHMARK(BM_Chunk);

}  // namespace
}  // namespace sluice::http
