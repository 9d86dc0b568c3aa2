// A whole answer of Anthropic's Messages, to and from the neutral model.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/answer.hpp"

namespace sluice::dialect::anthropic {

/// Reads an upstream's answer, one that inspect_response() found valid and no error. The answer
/// is a view of the body. kUpstreamError when it is no message.
Result<chat::Answer> parse_messages_response(std::string_view body);

/// Writes the answer for the client. What is lost is added to `answer.dropped`.
std::string write_messages_response(chat::Answer& answer, const chat::AnswerPlan& plan);

}  // namespace sluice::dialect::anthropic
