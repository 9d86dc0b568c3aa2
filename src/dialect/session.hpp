// Which conversation a request belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dialect/dialect.hpp"

namespace sluice::dialect {

/// The same number for all requests of a conversation, and mostly another one for others: a hash of
/// what the client names it by, the first of `header` (x-claude-code-session-id), prompt_cache_key,
/// metadata.user_id, safety_identifier and user, else of the instructions and the first words of
/// the user, which stay while the conversation grows. nullopt for an endpoint without
/// conversations. One pass over the body, which understand() has taken.
std::optional<uint64_t> session_of(Endpoint endpoint, std::string_view body,
                                   std::string_view header);

/// It is not the first request of its conversation: the model has spoken in it, or the client names
/// it, by the header or prompt_cache_key.
bool goes_on(Endpoint endpoint, std::string_view body, std::string_view header);

}  // namespace sluice::dialect
