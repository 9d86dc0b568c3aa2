#include "dialect/gemini/response.hpp"

namespace sluice::dialect::gemini {

void read_response(json::Value /*body*/, ResponseFacts& /*facts*/) {}

}  // namespace sluice::dialect::gemini
