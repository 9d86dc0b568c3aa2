#include "dialect/openai/request.hpp"

#include <algorithm>

namespace sluice::dialect::openai {
namespace {

using Limit = InferenceRequest::Limit;

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

/// A prompt is a text or an array of tokens; an array of either is several.
int64_t count_prompts(json::Value prompt) {
  if (prompt.kind() != json::Kind::kArray) return 1;
  json::Elements elements(prompt);
  json::Value element;
  int64_t count = 0;
  while (elements.next(element)) {
    if (element.kind() == json::Kind::kNumber) return 1;
    ++count;
  }
  return std::max<int64_t>(count, 1);
}

Status read_generation(const RequestFields& fields, InferenceRequest& request) {
  const Result<bool> stream = fields.boolean(Field::kStream, false);
  if (!stream) return std::unexpected(stream.error());
  request.stream = *stream;

  const Result<Limit> limit = fields.limit(Field::kMaxTokens, 1);
  if (!limit) return std::unexpected(limit.error());
  request.max_tokens_limit = *limit;
  if (request.endpoint == Endpoint::kChatCompletions) {
    const Result<Limit> newer = fields.limit(Field::kMaxCompletionTokens, 1);
    if (!newer) return std::unexpected(newer.error());
    request.max_completion_tokens_limit = *newer;
  }
  // An empty optional is less than any value.
  request.max_tokens =
      std::max(request.max_tokens_limit.given, request.max_completion_tokens_limit.given);

  const Result<std::optional<int64_t>> n = fields.integer(Field::kN, 1);
  if (!n) return std::unexpected(n.error());
  request.n = n->value_or(1);
  const Result<std::optional<int64_t>> best_of = fields.integer(Field::kBestOf, 1);
  if (!best_of) return std::unexpected(best_of.error());
  request.best_of = best_of->value_or(1);
  if (request.endpoint == Endpoint::kCompletions) {
    request.prompts = count_prompts(fields.value(Field::kPrompt));
  }

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
      request.has_tools = fields.given(Field::kTools) || fields.given(Field::kFunctions);
      return read_generation(fields, request);
    default:
      return read_generation(fields, request);
  }
}

}  // namespace sluice::dialect::openai
