// Thinking that clients replay, where their bytes pass to an upstream as they are.
#pragma once

#include <string>
#include <string_view>

#include "dialect/dialect.hpp"

namespace sluice::dialect {

/// The body without thinking that bears a signature of the gateway's (chat/signature.hpp): a model
/// of another dialect has thought it, earlier in the conversation, and the provider of this one
/// refuses the request for its signature. A message that held nothing else is left out, too. Empty
/// where there is none, and for endpoints that carry none. `body` is valid JSON.
std::string without_foreign_thinking(Endpoint endpoint, std::string_view body);

}  // namespace sluice::dialect
