#include "load/request.hpp"

#include <fmt/format.h>

#include "http/url.hpp"
#include "json/writer.hpp"

namespace sluice::load {

namespace {

std::string make_body(const Options& options) {
  std::string prompt = "Say something.";
  while (prompt.size() < options.prompt_bytes) prompt += " And something more.";
  prompt.resize(options.prompt_bytes);

  std::string body;
  json::Writer json(body);
  json.begin_object().member("model", options.model);
  if (options.dialect == Dialect::kAnthropic) json.member("max_tokens", 4096);
  json.key("messages").begin_array();
  json.begin_object().member("role", "user").member("content", prompt).end_object();
  json.end_array();
  json.member("stream", options.stream).end_object();
  return body;
}

std::string make_head(const Options& options, const http::Url& url, std::string_view path,
                      size_t body_size) {
  std::string head = fmt::format(
      "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
      path, url.host_header(), body_size);
  if (options.stream) head += "accept: text/event-stream\r\n";
  if (options.dialect == Dialect::kAnthropic) {
    head += "anthropic-version: 2023-06-01\r\n";
    if (!options.key.empty()) head += fmt::format("x-api-key: {}\r\n", options.key);
  } else if (!options.key.empty()) {
    head += fmt::format("authorization: Bearer {}\r\n", options.key);
  }
  if (options.stamps) head += "x-mock-stamp: 1\r\n";
  for (const auto& header : options.headers) head += header + "\r\n";
  head += "\r\n";
  return head;
}

}  // namespace

Result<Request> make_request(const Options& options) {
  auto url = http::parse_url(options.url);
  if (!url) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("--url: {}", url.error().message));
  }
  if (options.key.find_first_of("\r\n") != options.key.npos) {
    return fail(ErrorCode::kInvalidRequest, "--key holds a line break");
  }
  std::string path = url->path;
  if (!path.ends_with("/v1")) path += "/v1";
  path += options.dialect == Dialect::kAnthropic ? "/messages" : "/chat/completions";

  Request request;
  request.target = fmt::format("{}://{}{}", url->tls ? "https" : "http", url->host_header(), path);
  request.body = make_body(options);
  request.head = make_head(options, *url, path, request.body.size());
  request.origin.host = url->host;
  request.origin.port = url->port;
  request.origin.pool_key = url->host_header();
  // Bounded by the request's own timeout; a gateway that accepts slowly must show as slow.
  request.origin.connect_timeout = options.timeout;
  request.origin.max_idle = request.origin.max_idle_per_host = options.concurrency;
  if (url->tls) {
    auto tls = net::TlsContext::client(options.ca_file);
    if (!tls) return std::unexpected(std::move(tls.error()));
    request.origin.tls = std::move(*tls);
  }
  return request;
}

}  // namespace sluice::load
