#include "dialect/responses/usage.hpp"

namespace sluice::dialect::responses {

bool read_usage(json::Value /*object*/, Usage& /*usage*/) { return false; }

}  // namespace sluice::dialect::responses
