#include "dialect/request_fields.hpp"

#include <algorithm>

namespace sluice::dialect {
namespace {

constexpr std::array<std::string_view, kFieldCount> kNames = {"model",
                                                              "stream",
                                                              "stream_options",
                                                              "max_tokens",
                                                              "max_completion_tokens",
                                                              "n",
                                                              "best_of",
                                                              "prompt",
                                                              "thinking",
                                                              "messages",
                                                              "input",
                                                              "max_output_tokens",
                                                              "background",
                                                              "tools",
                                                              "functions"};

}  // namespace

std::string_view to_string(Field field) { return kNames[static_cast<size_t>(field)]; }

Result<RequestFields> RequestFields::read(std::string_view body) {
  if (!json::valid_utf8(body)) {
    return fail(ErrorCode::kInvalidRequest, "The request body is not valid UTF-8.");
  }
  RequestFields fields;
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    for (size_t i = 0; i < kFieldCount; ++i) {
      if (!(member.key == kNames[i])) continue;
      if (fields.values_[i].value.exists()) return bad_field(kNames[i], "is given twice.");
      fields.values_[i] = member;
    }
  }
  if (members.complete()) return fields;
  return fail(ErrorCode::kInvalidRequest, json::valid(body)
                                              ? "The request body must be a JSON object."
                                              : "The request body is not valid JSON.");
}

Status RequestFields::read_model(InferenceRequest& request) const {
  const json::Value given = value(Field::kModel);
  if (!given.exists()) return bad_field("model", "is required.");
  std::optional<std::string> model = given.as_string();
  if (!model) return bad_field("model", "must be a string.");
  if (model->empty()) return bad_field("model", "must not be empty.");
  if (model->size() > kMaxModelBytes) return bad_field("model", "is too long.");
  // The name goes into header fields and log lines.
  const bool printable = std::ranges::none_of(
      *model, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (!printable) return bad_field("model", "must not contain control characters.");
  request.model = std::move(*model);
  request.model_at = at(Field::kModel);
  return {};
}

Result<bool> RequestFields::boolean(Field field, bool otherwise) const {
  if (!given(field)) return otherwise;
  const std::optional<bool> read = value(field).as_bool();
  if (!read) return bad_field(to_string(field), "must be a boolean.");
  return *read;
}

Result<std::optional<int64_t>> RequestFields::integer(Field field, int64_t least) const {
  if (!given(field)) return std::nullopt;
  const std::optional<int64_t> read = value(field).as_int();
  if (!read || *read < least) {
    return bad_field(to_string(field), least > 0 ? "must be a positive integer."
                                                 : "must be an integer of at least 0.");
  }
  return read;
}

Result<InferenceRequest::Limit> RequestFields::limit(Field field, int64_t least) const {
  const Result<std::optional<int64_t>> given = integer(field, least);
  if (!given) return std::unexpected(given.error());
  return InferenceRequest::Limit{.at = at(field), .given = *given};
}

Status RequestFields::require_elements(Field field) const {
  if (!value(field).exists()) return bad_field(to_string(field), "is required.");
  if (value(field).kind() != json::Kind::kArray) {
    return bad_field(to_string(field), "must be an array.");
  }
  if (value(field).is_empty()) return bad_field(to_string(field), "must not be empty.");
  return {};
}

}  // namespace sluice::dialect
