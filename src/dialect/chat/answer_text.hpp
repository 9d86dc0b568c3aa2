// What is done to the text of an answer on its way, whatever its dialect.
#pragma once

#include "dialect/chat/answer.hpp"

namespace sluice::dialect::chat {

/// Makes the answer what the request's conversion has promised: takes off a fence around JSON that
/// was asked for in words, makes text of the call that stood for it, ends the output before a stop
/// sequence that the upstream was not given, and shows the thinking as it is to be shown.
void finish_answer(Answer& answer, const AnswerPlan& plan);

/// The calls of the answer that the client has to make.
bool has_tool_calls(const Answer& answer);

/// `text` without one code fence around it.
std::string_view without_fence(std::string_view text);

}  // namespace sluice::dialect::chat
