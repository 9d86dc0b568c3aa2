#include "dialect/responses/responses_request.hpp"

namespace sluice::dialect::responses {

Result<chat::Request> parse_responses_request(std::string_view /*body*/) {
  return fail(ErrorCode::kInternal, "not built yet");
}

}  // namespace sluice::dialect::responses
