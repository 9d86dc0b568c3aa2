#include "dialect/request.hpp"

#include <algorithm>
#include <array>

#include "dialect/anthropic/request.hpp"
#include "dialect/openai/request.hpp"
#include "dialect/request_fields.hpp"
#include "json/edit.hpp"
#include "json/writer.hpp"

namespace sluice::dialect {
namespace {

Status read_model(const RequestFields& fields, InferenceRequest& request) {
  const json::Value value = fields.value(Field::kModel);
  if (!value.exists()) return bad_field("model", "is required.");
  std::optional<std::string> model = value.as_string();
  if (!model) return bad_field("model", "must be a string.");
  if (model->empty()) return bad_field("model", "must not be empty.");
  if (model->size() > kMaxModelBytes) return bad_field("model", "is too long.");
  // The name goes into header fields and log lines.
  const bool printable = std::ranges::none_of(
      *model, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (!printable) return bad_field("model", "must not contain control characters.");
  request.model = std::move(*model);
  request.model_at = fields.at(Field::kModel);
  return {};
}

}  // namespace

bool InferenceRequest::adds_usage() const {
  return stream && !include_usage && dialect_of(endpoint) == Dialect::kOpenAi;
}

Result<InferenceRequest> understand(Endpoint endpoint, std::string body) {
  InferenceRequest request;
  request.endpoint = endpoint;
  request.body = std::move(body);
  const Result<RequestFields> fields = RequestFields::read(request.body);
  if (!fields) return std::unexpected(fields.error());
  Status read = read_model(*fields, request);
  if (read) {
    read = dialect_of(endpoint) == Dialect::kAnthropic ? anthropic::read_request(*fields, request)
                                                       : openai::read_request(*fields, request);
  }
  if (!read) return std::unexpected(std::move(read.error()));
  return request;
}

std::string_view upstream_body(const InferenceRequest& request, std::string_view upstream_model,
                               std::string& storage) {
  std::string model;
  if (upstream_model != request.model) json::append_string(model, upstream_model);

  std::array<json::Edit, 2> edits;
  size_t count = 0;
  const InferenceRequest::Span at = request.model_at;
  const InferenceRequest::Span options = request.stream_options_at;
  if (!model.empty()) edits[count++] = {at.offset, at.length, model};
  if (request.adds_usage()) {
    if (options.length == 0) {
      edits[count++] = {at.offset + at.length, 0, R"(,"stream_options":{"include_usage":true})"};
    } else if (request.include_usage_at.length != 0) {
      edits[count++] = {request.include_usage_at.offset, request.include_usage_at.length, "true"};
    } else if (request.body[options.offset] == '{') {
      edits[count++] = {options.offset + 1, 0,
                        request.stream_options_has_members ? R"("include_usage":true,)"
                                                           : R"("include_usage":true)"};
    } else {
      edits[count++] = {options.offset, options.length, R"({"include_usage":true})"};
    }
  }
  if (count == 0) return request.body;
  std::ranges::sort(edits.begin(), edits.begin() + count, {}, &json::Edit::offset);
  storage = json::apply_edits(request.body, std::span(edits).first(count));
  return storage;
}

}  // namespace sluice::dialect
