// A whole GenerateContentResponse, read into the neutral model.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/answer.hpp"

namespace sluice::dialect::gemini {

/// Reads an upstream's answer, one that inspect_response() found valid and no error: its first
/// candidate. The answer is a view of the body. kUpstreamError when it is none, or one that the
/// model failed to write.
Result<chat::Answer> parse_generate_response(std::string_view body, const chat::AnswerPlan& plan);

}  // namespace sluice::dialect::gemini
