#include "dialect/responses/responses_response.hpp"

namespace sluice::dialect::responses {

std::string write_responses_response(chat::Answer& /*answer*/, const chat::AnswerPlan& /*plan*/) {
  return "{}";
}

}  // namespace sluice::dialect::responses
