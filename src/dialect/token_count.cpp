#include "dialect/token_count.hpp"

#include <cmath>

#include "dialect/prompt.hpp"
#include "dialect/request_fields.hpp"
#include "json/writer.hpp"

namespace sluice::dialect {
namespace {

/// Text or items; neither is needed where the upstream keeps the conversation.
Status check_input(const RequestFields& fields) {
  if (!fields.given(Field::kInput)) return {};
  const json::Kind kind = fields.value(Field::kInput).kind();
  if (kind == json::Kind::kString || kind == json::Kind::kArray) return {};
  return bad_field("input", "must be a string or an array.");
}

}  // namespace

Dialect dialect_of(CountEndpoint endpoint) {
  return endpoint == CountEndpoint::kMessages ? Dialect::kAnthropic : Dialect::kResponses;
}

Result<InferenceRequest> understand_count(CountEndpoint endpoint, std::string body) {
  const bool messages = endpoint == CountEndpoint::kMessages;
  InferenceRequest request;
  request.endpoint = messages ? Endpoint::kMessages : Endpoint::kResponses;
  request.body = std::move(body);
  const Result<RequestFields> fields = RequestFields::read(request.body);
  if (!fields) return std::unexpected(fields.error());
  Status read = fields->read_model(request);
  if (read) read = messages ? fields->require_elements(Field::kMessages) : check_input(*fields);
  if (!read) return std::unexpected(std::move(read.error()));
  return request;
}

int64_t count_tokens(CountEndpoint endpoint, std::string_view body, const tokens::ModelFacts& model,
                     double factor) {
  const bool messages = endpoint == CountEndpoint::kMessages;
  const int64_t counted =
      count_prompt(messages ? Endpoint::kMessages : Endpoint::kResponses, body, model);
  if (model.exact) return counted;
  return static_cast<int64_t>(std::ceil(static_cast<double>(counted) * factor));
}

std::string render_count(CountEndpoint endpoint, int64_t tokens) {
  std::string body;
  json::Writer json(body);
  json.begin_object();
  if (endpoint == CountEndpoint::kResponses) json.member("object", "response.input_tokens");
  json.member("input_tokens", tokens).end_object();
  return body;
}

}  // namespace sluice::dialect
