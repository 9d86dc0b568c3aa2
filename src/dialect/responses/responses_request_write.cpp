#include "dialect/responses/responses_request.hpp"

namespace sluice::dialect::responses {

Result<chat::Outgoing> write_responses_request(chat::Request& /*request*/,
                                               const chat::Target& /*target*/) {
  return fail(ErrorCode::kInternal, "not built yet");
}

}  // namespace sluice::dialect::responses
