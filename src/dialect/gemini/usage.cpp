#include "dialect/gemini/usage.hpp"

namespace sluice::dialect::gemini {

bool read_usage(json::Value /*object*/, Usage& /*usage*/) { return false; }

}  // namespace sluice::dialect::gemini
