#include "dialect/responses/request.hpp"

namespace sluice::dialect::responses {

Status read_request(const RequestFields& fields, InferenceRequest& request) {
  const Result<bool> stream = fields.boolean(Field::kStream, false);
  if (!stream) return std::unexpected(stream.error());
  request.stream = *stream;

  const Result<bool> background = fields.boolean(Field::kBackground, false);
  if (!background) return std::unexpected(background.error());
  if (*background) {
    return bad_field("background",
                     "must be false: what is generated after the answer cannot be metered.");
  }

  const Result<InferenceRequest::Limit> limit = fields.limit(Field::kMaxOutputTokens, 1);
  if (!limit) return std::unexpected(limit.error());
  request.max_tokens_limit = *limit;
  request.max_tokens = limit->given;
  return {};
}

}  // namespace sluice::dialect::responses
