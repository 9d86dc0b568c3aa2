#include <fmt/format.h>

#include "json/writer.hpp"
#include "mock/catalog.hpp"
#include "mock/gemini.hpp"

namespace sluice::mock::gemini {

namespace {

void write_model(json::Writer& json, const CatalogModel& model) {
  json.begin_object()
      .member("name", fmt::format("models/{}", model.id))
      .member("version", "001")
      .member("displayName", model.display_name)
      .member("description", model.display_name)
      .member("inputTokenLimit", 1'048'576)
      .member("outputTokenLimit", 65'536)
      .key("supportedGenerationMethods")
      .begin_array()
      .string("generateContent")
      .string("countTokens")
      .end_array()
      .member("temperature", 1)
      .member("topP", 0.95)
      .member("topK", 64)
      .member("maxTemperature", 2)
      .member("thinking", true)
      .end_object();
}

std::string_view status_name(int status) {
  switch (status) {
    case 401:
      return "UNAUTHENTICATED";
    case 403:
      return "PERMISSION_DENIED";
    case 404:
      return "NOT_FOUND";
    case 409:
      return "ABORTED";
    case 429:
      return "RESOURCE_EXHAUSTED";
    case 499:
      return "CANCELLED";
    case 501:
      return "UNIMPLEMENTED";
    case 503:
      return "UNAVAILABLE";
    case 504:
      return "DEADLINE_EXCEEDED";
    default:
      return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
  }
}

std::string message_of(int status, std::string_view model) {
  switch (status) {
    case 401:
      return "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
             "cookie or other valid authentication credential. See "
             "https://developers.google.com/identity/sign-in/web/devconsole-project.";
    case 403:
      return "The caller does not have permission";
    case 404:
      return fmt::format(
          "models/{} is not found for API version v1beta, or is not supported for "
          "generateContent. Call ListModels to see the list of available models and their "
          "supported methods.",
          model);
    case 429:
      return "You exceeded your current quota, please check your plan and billing details. For "
             "more information on this error, head to: "
             "https://ai.google.dev/gemini-api/docs/rate-limits.";
    case 503:
      return "The model is overloaded. Please try again later.";
    case 504:
      return "Deadline expired before operation could complete.";
    default:
      if (status < 500) return fmt::format("The script refuses this request with {}.", status);
      return "An internal error has occurred. Please retry or report in "
             "https://developers.generativeai.google/guide/troubleshooting";
  }
}

void write_details(json::Writer& json, const Refusal& refusal) {
  json.key("details").begin_array();
  if (!refusal.param.empty()) {
    json.begin_object().member("@type", "type.googleapis.com/google.rpc.BadRequest");
    json.key("fieldViolations").begin_array().begin_object();
    json.member("field", refusal.param).member("description", refusal.message);
    json.end_object().end_array().end_object();
  }
  if (!refusal.code.empty()) {
    json.begin_object().member("@type", "type.googleapis.com/google.rpc.ErrorInfo");
    json.member("reason", refusal.code).member("domain", "googleapis.com");
    json.key("metadata").begin_object();
    json.member("service", "generativelanguage.googleapis.com").end_object().end_object();
  }
  if (refusal.status == 429) {
    json.begin_object().member("@type", "type.googleapis.com/google.rpc.QuotaFailure");
    json.key("violations").begin_array().begin_object();
    json.member("quotaMetric",
                "generativelanguage.googleapis.com/generate_content_paid_tier_requests");
    json.member("quotaId", "GenerateRequestsPerMinutePerProjectPerModel");
    json.end_object().end_array().end_object();
  }
  if (refusal.retry_after >= 0) {
    json.begin_object().member("@type", "type.googleapis.com/google.rpc.RetryInfo");
    json.member("retryDelay", fmt::format("{}s", refusal.retry_after)).end_object();
  }
  json.end_array();
}

}  // namespace

Refusal refusal_of(int status, std::string_view model) {
  return {.status = status,
          .type = std::string(status_name(status)),
          .message = message_of(status, model)};
}

Refusal no_credential() {
  return {.status = 403,
          .type = "PERMISSION_DENIED",
          .message =
              "Method doesn't allow unregistered callers (callers without established identity). "
              "Please use API Key or other form of API consumer identity to call this API."};
}

Refusal bad_credential() {
  return {.status = 400,
          .type = "INVALID_ARGUMENT",
          .message = "API key not valid. Please pass a valid API key.",
          .code = "API_KEY_INVALID"};
}

Refusal unknown_url(std::string_view, std::string_view) {
  return {.status = 404, .type = "NOT_FOUND", .message = "Requested entity was not found."};
}

Refusal wrong_method(std::string_view method, std::string_view path) {
  return {.status = 404,
          .type = "NOT_FOUND",
          .message = fmt::format("The requested URL {} was not found for {}.", path, method)};
}

Refusal context_exceeded(const Ask& ask) {
  return {.status = 400,
          .type = "INVALID_ARGUMENT",
          .message = fmt::format("The input token count ({}) exceeds the maximum number of tokens "
                                 "allowed ({}).",
                                 ask.prompt_tokens, ask.script.context)};
}

std::string error_body(const Refusal& refusal) {
  std::string body;
  json::Writer json(body);
  json.begin_object().key("error").begin_object();
  json.member("code", refusal.status).member("message", refusal.message);
  json.member("status", refusal.type);
  if (!refusal.param.empty() || !refusal.code.empty() || refusal.status == 429 ||
      refusal.retry_after >= 0) {
    write_details(json, refusal);
  }
  json.end_object().end_object();
  return body;
}

std::string models_body() {
  std::string body;
  json::Writer json(body);
  json.begin_object().key("models").begin_array();
  for (const CatalogModel& model : catalog()) {
    if (model.is_of(CatalogModel::kGemini)) write_model(json, model);
  }
  json.end_array().end_object();
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

}  // namespace sluice::mock::gemini
