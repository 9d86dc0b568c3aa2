#include "mock/routes.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "mock/anthropic.hpp"
#include "mock/openai.hpp"

namespace sluice::mock {

namespace {

constexpr Route kRoutes[] = {
    {"/chat/completions", Dialect::kOpenAi, "chatcmpl-", 29, openai::read_chat, openai::make_chat,
     true},
    {"/completions", Dialect::kOpenAi, "cmpl-", 29, openai::read_completion,
     openai::make_completion, true},
    {"/embeddings", Dialect::kOpenAi, "", 0, openai::read_embedding, openai::make_embeddings,
     false},
    {"/messages", Dialect::kAnthropic, "msg_01", 22, anthropic::read_message,
     anthropic::make_message, true},
    {"/messages/count_tokens", Dialect::kAnthropic, "", 0, anthropic::read_token_count,
     anthropic::make_token_count, false},
};

}  // namespace

std::string_view bare_path(std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  return path;
}

const Route* find_route(std::string_view bare_path) {
  for (const Route& route : kRoutes) {
    if (route.path == bare_path) return &route;
  }
  return nullptr;
}

Dialect dialect_of(const http::RequestHead& head) {
  return head.fields.has("anthropic-version") ? Dialect::kAnthropic : Dialect::kOpenAi;
}

std::string render_error(Dialect dialect, const Refusal& refusal, std::string_view request_id) {
  return dialect == Dialect::kAnthropic ? anthropic::error_body(refusal, request_id)
                                        : openai::error_body(refusal);
}

Refusal refusal_for(Dialect dialect, int status, std::string_view model) {
  return dialect == Dialect::kAnthropic ? anthropic::refusal_of(status, model)
                                        : openai::refusal_of(status, model);
}

net::HeaderList answer_headers(Dialect dialect, int status, std::string_view content_type,
                               std::string_view request_id, int64_t retry_after) {
  net::HeaderList headers;
  headers.reserve(20);
  headers.emplace_back("content-type", content_type);
  const char* left = status == 429 ? "0" : "9999";
  if (retry_after >= 0) headers.emplace_back("retry-after", std::to_string(retry_after));
  const int64_t reset = retry_after > 0 ? retry_after : 1;
  if (dialect == Dialect::kOpenAi) {
    headers.emplace_back("x-request-id", request_id);
    headers.emplace_back("openai-organization", "org-mock");
    headers.emplace_back("openai-processing-ms", "7");
    headers.emplace_back("openai-version", "2020-10-01");
    headers.emplace_back("x-ratelimit-limit-requests", "10000");
    headers.emplace_back("x-ratelimit-remaining-requests", left);
    headers.emplace_back("x-ratelimit-reset-requests", fmt::format("{}s", reset));
    headers.emplace_back("x-ratelimit-limit-tokens", "30000000");
    headers.emplace_back("x-ratelimit-remaining-tokens", "29999000");
    headers.emplace_back("x-ratelimit-reset-tokens", "2ms");
    return headers;
  }
  headers.emplace_back("request-id", request_id);
  headers.emplace_back("anthropic-organization-id", "00000000-0000-4000-8000-000000000000");
  const std::string at = rfc3339(wall_nanos() + reset * 1'000'000'000);
  headers.emplace_back("anthropic-ratelimit-requests-limit", "10000");
  headers.emplace_back("anthropic-ratelimit-requests-remaining", left);
  headers.emplace_back("anthropic-ratelimit-requests-reset", at);
  headers.emplace_back("anthropic-ratelimit-input-tokens-limit", "2000000");
  headers.emplace_back("anthropic-ratelimit-input-tokens-remaining", "1999000");
  headers.emplace_back("anthropic-ratelimit-input-tokens-reset", at);
  headers.emplace_back("anthropic-ratelimit-output-tokens-limit", "400000");
  headers.emplace_back("anthropic-ratelimit-output-tokens-remaining", "399000");
  headers.emplace_back("anthropic-ratelimit-output-tokens-reset", at);
  headers.emplace_back("anthropic-ratelimit-tokens-limit", "2400000");
  headers.emplace_back("anthropic-ratelimit-tokens-remaining", "2398000");
  headers.emplace_back("anthropic-ratelimit-tokens-reset", at);
  return headers;
}

}  // namespace sluice::mock
