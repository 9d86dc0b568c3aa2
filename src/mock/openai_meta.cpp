#include <fmt/format.h>

#include "json/writer.hpp"
#include "mock/catalog.hpp"
#include "mock/openai.hpp"

namespace sluice::mock::openai {

namespace {

void write_model(json::Writer& json, const CatalogModel& model) {
  json.begin_object()
      .member("id", model.id)
      .member("object", "model")
      .member("created", model.created)
      .member("owned_by", "system")
      .end_object();
}

}  // namespace

Refusal refusal_of(int status, std::string_view model) {
  Refusal refusal{.status = status, .type = "invalid_request_error"};
  switch (status) {
    case 401:
      refusal.message =
          "Incorrect API key provided. You can find your API key at "
          "https://platform.openai.com/account/api-keys.";
      refusal.code = "invalid_api_key";
      break;
    case 403:
      refusal.type = "permission_error";
      refusal.message = "You are not allowed to use this model.";
      break;
    case 404:
      return unknown_model(model);
    case 409:
      refusal.type = "conflict_error";
      refusal.message = "The request conflicts with another one.";
      break;
    case 413:
      refusal.message = "The request is too large.";
      refusal.code = "request_too_large";
      break;
    case 429:
      refusal.type = "requests";
      refusal.message = fmt::format(
          "Rate limit reached for {} in organization org-mock on requests per min (RPM): Limit "
          "10000, Used 10000, Requested 1. Please try again later.",
          model);
      refusal.code = "rate_limit_exceeded";
      break;
    case 503:
      refusal.type = "service_unavailable_error";
      refusal.message = "The server is overloaded or not ready yet.";
      refusal.code = "server_is_overloaded";
      break;
    default:
      if (status >= 500) {
        refusal.type = "server_error";
        refusal.message =
            "The server had an error while processing your request. Sorry about that!";
      } else {
        refusal.message = fmt::format("The script refuses this request with {}.", status);
      }
  }
  return refusal;
}

Refusal no_credential() {
  return {.status = 401,
          .type = "invalid_request_error",
          .message =
              "You didn't provide an API key. You need to provide your API key in an Authorization "
              "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."};
}

Refusal bad_credential() { return refusal_of(401, ""); }

Refusal unknown_url(std::string_view method, std::string_view path) {
  return {.status = 404,
          .type = "invalid_request_error",
          .message = fmt::format("Invalid URL ({} {})", method, path)};
}

Refusal wrong_method(std::string_view method, std::string_view path) {
  return {.status = 405,
          .type = "invalid_request_error",
          .message = fmt::format("Not allowed to {} on {}. (HINT: Perhaps you meant to use a "
                                 "different HTTP method?)",
                                 method, path),
          .code = "method_not_supported"};
}

Refusal unknown_model(std::string_view model) {
  return {.status = 404,
          .type = "invalid_request_error",
          .message =
              fmt::format("The model `{}` does not exist or you do not have access to it.", model),
          .code = "model_not_found"};
}

Refusal context_exceeded(const Ask& ask) {
  return {.status = 400,
          .type = "invalid_request_error",
          .message = fmt::format(
              "This model's maximum context length is {} tokens. However, your messages resulted "
              "in {} tokens. Please reduce the length of the messages.",
              ask.script.context, ask.prompt_tokens),
          .param = "messages",
          .code = "context_length_exceeded"};
}

std::string error_body(const Refusal& refusal) {
  std::string body;
  json::Writer json(body);
  json.begin_object().key("error").begin_object();
  json.member("message", refusal.message).member("type", refusal.type);
  json.key("param");
  refusal.param.empty() ? json.null() : json.string(refusal.param);
  json.key("code");
  refusal.code.empty() ? json.null() : json.string(refusal.code);
  json.end_object().end_object();
  return body;
}

std::string models_body() {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("object", "list").key("data").begin_array();
  for (const CatalogModel& model : catalog()) {
    if (model.is_of(CatalogModel::kOpenAi)) write_model(json, model);
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

}  // namespace sluice::mock::openai
