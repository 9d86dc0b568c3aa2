#include "dialect/responses/response.hpp"

namespace sluice::dialect::responses {

void read_response(json::Value /*body*/, ResponseFacts& /*facts*/) {}

}  // namespace sluice::dialect::responses
