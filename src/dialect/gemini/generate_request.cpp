#include "dialect/gemini/generate_request.hpp"

namespace sluice::dialect::gemini {

Result<chat::Outgoing> write_generate_request(chat::Request& /*request*/,
                                              const chat::Target& /*target*/) {
  return fail(ErrorCode::kInternal, "not built yet");
}

}  // namespace sluice::dialect::gemini
