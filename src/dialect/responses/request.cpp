#include "dialect/responses/request.hpp"

namespace sluice::dialect::responses {

Status read_request(const RequestFields& fields, InferenceRequest& request) {
  const Result<bool> stream = fields.boolean(Field::kStream, false);
  if (!stream) return std::unexpected(stream.error());
  request.stream = *stream;
  return {};
}

}  // namespace sluice::dialect::responses
