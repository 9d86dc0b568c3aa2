#include "dialect/responses/responses_response.hpp"

namespace sluice::dialect::responses {

Result<chat::Answer> parse_responses_response(std::string_view /*body*/,
                                              const chat::AnswerPlan& /*plan*/) {
  return fail(ErrorCode::kInternal, "not built yet");
}

}  // namespace sluice::dialect::responses
