// A whole answer of OpenAI's Responses, to and from the neutral model.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/answer.hpp"

namespace sluice::dialect::responses {

/// Reads an upstream's answer, one that inspect_response() found valid and no error. The answer is
/// a view of the body. kUpstreamError when it is no response, or one that failed.
Result<chat::Answer> parse_responses_response(std::string_view body, const chat::AnswerPlan& plan);

/// Writes the answer for the client. What is lost is added to `answer.dropped`.
std::string write_responses_response(chat::Answer& answer, const chat::AnswerPlan& plan);

}  // namespace sluice::dialect::responses
