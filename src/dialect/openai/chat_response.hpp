// A whole answer of OpenAI's Chat Completions, to and from the neutral model.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/answer.hpp"

namespace sluice::dialect::openai {

/// Reads an upstream's answer, one that inspect_response() found valid and no error: its first
/// choice. The answer is a view of the body. kUpstreamError when it is no completion, or one that
/// tells neither content nor why there is none.
Result<chat::Answer> parse_chat_response(std::string_view body);

/// Writes the answer for the client. What is lost is added to `answer.dropped`.
std::string write_chat_response(chat::Answer& answer, const chat::AnswerPlan& plan);

}  // namespace sluice::dialect::openai
