#include "mock/routes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.hpp"
#include "mock/anthropic.hpp"
#include "mock/gemini.hpp"
#include "mock/openai.hpp"
#include "mock/responses.hpp"

namespace sluice::mock {

namespace {

/// Where the model's name is in the body.
template <Answered<Ask> (*read)(std::string_view)>
Answered<Ask> in_body(std::string_view body, std::string_view) {
  return read(body);
}

constexpr Route kRoutes[] = {
    {"/chat/completions", Dialect::kOpenAi, "chatcmpl-", 29, in_body<openai::read_chat>,
     openai::make_chat, openai::context_exceeded, true},
    {"/completions", Dialect::kOpenAi, "cmpl-", 29, in_body<openai::read_completion>,
     openai::make_completion, openai::context_exceeded, true},
    {"/embeddings", Dialect::kOpenAi, "", 0, in_body<openai::read_embedding>,
     openai::make_embeddings, openai::context_exceeded, false},
    {"/responses", Dialect::kOpenAi, "resp_", 48, in_body<responses::read_response>,
     responses::make_response, responses::context_exceeded, true},
    {"/responses/input_tokens", Dialect::kOpenAi, "", 0, in_body<responses::read_token_count>,
     responses::make_token_count, responses::context_exceeded, false},
    {"/messages", Dialect::kAnthropic, "msg_01", 22, in_body<anthropic::read_message>,
     anthropic::make_message, anthropic::context_exceeded, true},
    {"/messages/count_tokens", Dialect::kAnthropic, "", 0, in_body<anthropic::read_token_count>,
     anthropic::make_token_count, anthropic::context_exceeded, false},
    {":generateContent", Dialect::kGemini, "", 22, gemini::read_generate, gemini::make_content,
     gemini::context_exceeded, true},
    {":streamGenerateContent", Dialect::kGemini, "", 22, gemini::read_stream, gemini::make_content,
     gemini::context_exceeded, true},
    {":countTokens", Dialect::kGemini, "", 0, gemini::read_token_count, gemini::make_token_count,
     gemini::context_exceeded, false},
};

constexpr Speech kOpenAi = {openai::no_credential, openai::bad_credential, openai::unknown_url,
                            openai::wrong_method,  openai::models_body,    openai::model_body};
constexpr Speech kAnthropic = {anthropic::no_credential, anthropic::bad_credential,
                               anthropic::unknown_url,   anthropic::wrong_method,
                               anthropic::models_body,   anthropic::model_body};
constexpr Speech kGemini = {gemini::no_credential, gemini::bad_credential, gemini::unknown_url,
                            gemini::wrong_method,  gemini::models_body,    gemini::model_body};

constexpr std::string_view kModels = "/models";

/// The dialect whose client sent this head, where the path does not tell.
Dialect dialect_of(const http::RequestHead& head) {
  if (head.fields.has("anthropic-version")) return Dialect::kAnthropic;
  return head.fields.has("x-goog-api-key") ? Dialect::kGemini : Dialect::kOpenAi;
}

net::HeaderList gemini_headers(bool events) {
  // No id, no limits, no time to wait: that is in the body.
  net::HeaderList headers;
  headers.emplace_back("content-type",
                       events ? "text/event-stream" : "application/json; charset=UTF-8");
  headers.emplace_back("vary", "Origin");
  headers.emplace_back("x-content-type-options", "nosniff");
  headers.emplace_back("server-timing", "gfet4t7; dur=7");
  return headers;
}

}  // namespace

const Speech& speech_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAi:
      break;
    case Dialect::kAnthropic:
      return kAnthropic;
    case Dialect::kGemini:
      return kGemini;
  }
  return kOpenAi;
}

const Route* find_route(std::string_view path) {
  for (const Route& route : kRoutes) {
    if (route.path == path) return &route;
  }
  return nullptr;
}

Place place_of(const http::RequestHead& head) {
  Place place{.dialect = dialect_of(head)};
  std::string_view path = head.path();
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.starts_with("/v1beta/")) {
    place.dialect = Dialect::kGemini;
    path.remove_prefix(7);
  } else if (path.starts_with("/v1/")) {
    path.remove_prefix(3);
  }
  if (path == kModels || (path.starts_with(kModels) && path[kModels.size()] == '/')) {
    path.remove_prefix(std::min(path.size(), kModels.size() + 1));
    const size_t colon = path.rfind(':');
    place.model = path.substr(0, colon);
    if (colon == std::string_view::npos) {
      place.models = true;
    } else {
      place.dialect = Dialect::kGemini;
      place.route = find_route(path.substr(colon));
    }
  } else if (!path.starts_with(':')) {
    place.route = find_route(path);
    if (place.route != nullptr) place.dialect = place.route->dialect;
  }
  return place;
}

std::string render_error(Dialect dialect, const Refusal& refusal, std::string_view request_id) {
  switch (dialect) {
    case Dialect::kOpenAi:
      break;
    case Dialect::kAnthropic:
      return anthropic::error_body(refusal, request_id);
    case Dialect::kGemini:
      return gemini::error_body(refusal);
  }
  return openai::error_body(refusal);
}

Refusal refusal_for(Dialect dialect, int status, std::string_view model) {
  switch (dialect) {
    case Dialect::kOpenAi:
      break;
    case Dialect::kAnthropic:
      return anthropic::refusal_of(status, model);
    case Dialect::kGemini:
      return gemini::refusal_of(status, model);
  }
  return openai::refusal_of(status, model);
}

net::HeaderList answer_headers(Dialect dialect, int status, bool events,
                               std::string_view request_id, int64_t retry_after) {
  if (dialect == Dialect::kGemini) return gemini_headers(events);
  net::HeaderList headers;
  headers.reserve(20);
  headers.emplace_back("content-type",
                       events ? "text/event-stream; charset=utf-8" : "application/json");
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
