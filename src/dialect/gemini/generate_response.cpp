#include "dialect/gemini/generate_response.hpp"

namespace sluice::dialect::gemini {

Result<chat::Answer> parse_generate_response(std::string_view /*body*/,
                                             const chat::AnswerPlan& /*plan*/) {
  return fail(ErrorCode::kInternal, "not built yet");
}

}  // namespace sluice::dialect::gemini
