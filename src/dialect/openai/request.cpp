#include "dialect/openai/request.hpp"

namespace sluice::dialect::openai {
namespace {

Status read_stream_options(const RequestFields& fields, InferenceRequest& request) {
  request.stream_options_at = fields.at(Field::kStreamOptions);
  if (!fields.given(Field::kStreamOptions)) return {};
  const json::Value options = fields.value(Field::kStreamOptions);
  if (options.kind() != json::Kind::kObject) {
    return bad_field("stream_options", "must be an object.");
  }
  json::Members members(options);
  json::Member member;
  while (members.next(member)) {
    request.stream_options_has_members = true;
    if (!(member.key == "include_usage")) continue;
    if (request.include_usage_at.length != 0) {
      return bad_field("stream_options.include_usage", "is given twice.");
    }
    request.include_usage_at = {request.stream_options_at.offset + member.value_offset,
                                member.value.raw().size()};
    if (member.value.is_null()) continue;
    const std::optional<bool> include = member.value.as_bool();
    if (!include) return bad_field("stream_options.include_usage", "must be a boolean.");
    request.include_usage = *include;
  }
  return {};
}

Status read_generation(const RequestFields& fields, InferenceRequest& request) {
  const Result<bool> stream = fields.boolean(Field::kStream, false);
  if (!stream) return std::unexpected(stream.error());
  request.stream = *stream;

  // Newer models take max_completion_tokens; where both are given, it is the one they obey.
  for (const Field field : {Field::kMaxTokens, Field::kMaxCompletionTokens}) {
    const Result<std::optional<int64_t>> limit = fields.integer(field, 1);
    if (!limit) return std::unexpected(limit.error());
    if (*limit) request.max_tokens = *limit;
  }

  const Result<std::optional<int64_t>> n = fields.integer(Field::kN, 1);
  if (!n) return std::unexpected(n.error());
  request.n = n->value_or(1);

  return read_stream_options(fields, request);
}

}  // namespace

Status read_request(const RequestFields& fields, InferenceRequest& request) {
  switch (request.endpoint) {
    case Endpoint::kEmbeddings:
      if (!fields.given(Field::kInput)) return bad_field("input", "is required.");
      return {};
    case Endpoint::kChatCompletions:
      if (Status messages = fields.require_elements(Field::kMessages); !messages) return messages;
      return read_generation(fields, request);
    default:
      return read_generation(fields, request);
  }
}

}  // namespace sluice::dialect::openai
