#include "dialect/anthropic/request.hpp"

namespace sluice::dialect::anthropic {

Status read_request(const RequestFields& fields, InferenceRequest& request) {
  if (Status messages = fields.require_elements(Field::kMessages); !messages) return messages;

  const Result<bool> stream = fields.boolean(Field::kStream, false);
  if (!stream) return std::unexpected(stream.error());
  request.stream = *stream;

  // 0 is a request too: it warms the prompt cache and generates nothing.
  const Result<std::optional<int64_t>> limit = fields.integer(Field::kMaxTokens, 0);
  if (!limit) return std::unexpected(limit.error());
  if (!*limit) return bad_field("max_tokens", "is required.");
  request.max_tokens = *limit;
  return {};
}

}  // namespace sluice::dialect::anthropic
