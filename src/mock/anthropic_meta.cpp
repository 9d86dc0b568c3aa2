#include <fmt/format.h>

#include "base/clock.hpp"
#include "json/writer.hpp"
#include "mock/anthropic.hpp"
#include "mock/catalog.hpp"

namespace sluice::mock::anthropic {

namespace {

void write_supported(json::Writer& json, std::string_view name, bool supported) {
  json.key(name).begin_object().member("supported", supported).end_object();
}

/// Of a model that thinks by a budget only and sees neither images nor documents.
void write_capabilities(json::Writer& json, const CatalogModel& model) {
  json.member("max_tokens", model.max_output).member("max_input_tokens", 100'000);
  json.key("capabilities").begin_object();
  for (const std::string_view name : {"image_input", "pdf_input", "structured_outputs"}) {
    write_supported(json, name, false);
  }
  write_supported(json, "effort", false);
  json.key("thinking").begin_object().member("supported", true).key("types").begin_object();
  for (const std::string_view name : {"adaptive", "between_tools"}) {
    write_supported(json, name, false);
  }
  for (const std::string_view name : {"enabled", "disabled"}) write_supported(json, name, true);
  json.end_object().end_object().end_object();
}

void write_model(json::Writer& json, const CatalogModel& model) {
  json.begin_object()
      .member("type", "model")
      .member("id", model.id)
      .member("display_name", model.display_name)
      .member("created_at", rfc3339(model.created * 1'000'000'000));
  if (model.max_output > 0) write_capabilities(json, model);
  json.end_object();
}

Refusal refusal(int status, std::string_view type, std::string message) {
  return {.status = status, .type = std::string(type), .message = std::move(message)};
}

}  // namespace

Refusal refusal_of(int status, std::string_view model) {
  switch (status) {
    case 401:
      return refusal(401, "authentication_error", "invalid x-api-key");
    case 402:
      return refusal(402, "billing_error", "Your credit balance is too low.");
    case 403:
      return refusal(403, "permission_error", "Your API key may not use this model.");
    case 404:
      return unknown_model(model);
    case 409:
      return refusal(409, "conflict_error", "The request conflicts with another one.");
    case 413:
      return refusal(413, "request_too_large", "Request exceeds the maximum size");
    case 429:
      return refusal(429, "rate_limit_error",
                     "This request would exceed your organization's rate limit of 4000 requests "
                     "per minute.");
    case 504:
      return refusal(504, "timeout_error", "The request timed out.");
    case 503:
    case 529:
      return refusal(status, "overloaded_error", "Overloaded");
    default:
      if (status >= 500) return refusal(status, "api_error", "Internal server error");
      return refusal(status, "invalid_request_error",
                     fmt::format("The script refuses this request with {}.", status));
  }
}

Refusal no_credential() {
  return refusal(401, "authentication_error", "x-api-key header is required");
}

Refusal bad_credential() { return refusal_of(401, ""); }

Refusal unknown_url(std::string_view, std::string_view) {
  return refusal(404, "not_found_error", "Not Found");
}

Refusal wrong_method(std::string_view, std::string_view) {
  return refusal(405, "invalid_request_error", "Method Not Allowed");
}

Refusal unknown_model(std::string_view model) {
  return refusal(404, "not_found_error", fmt::format("model: {}", model));
}

Refusal context_exceeded(const Ask& ask) {
  return refusal(400, "invalid_request_error",
                 fmt::format("prompt is too long: {} tokens > {} maximum", ask.prompt_tokens,
                             ask.script.context));
}

std::string error_body(const Refusal& refusal, std::string_view request_id) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("type", "error").key("error").begin_object();
  json.member("type", refusal.type).member("message", refusal.message).end_object();
  json.member("request_id", request_id).end_object();
  return body;
}

std::string models_body() {
  std::string body;
  json::Writer json(body);
  json.begin_object().key("data").begin_array();
  std::string_view first;
  std::string_view last;
  for (const CatalogModel& model : catalog()) {
    if (!model.is_of(CatalogModel::kAnthropic)) continue;
    if (first.empty()) first = model.id;
    last = model.id;
    write_model(json, model);
  }
  json.end_array().member("has_more", false).member("first_id", first).member("last_id", last);
  json.end_object();
  return body;
}

std::string model_body(std::string_view id) {
  std::string body;
  if (const auto model = find_model(id)) {
    json::Writer json(body);
    write_model(json, *model);
  }
  return body;
}

}  // namespace sluice::mock::anthropic
