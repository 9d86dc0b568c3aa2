// What a reasoning item is replayed by, in the signature of the thinking that it is told as: its id
// and its encrypted content.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "json/reader.hpp"

namespace sluice::dialect::responses {

struct ReasoningToken {
  std::string id;
  std::string encrypted;
};

/// Empty without a key. One of an item without encrypted content replays nothing.
std::string mint_reasoning(json::String id, json::String encrypted, std::string_view provider,
                           std::string_view key);

/// nullopt for a signature that `provider` did not mint under `key`, and for one that replays
/// nothing.
std::optional<ReasoningToken> open_reasoning(std::string_view signature, std::string_view provider,
                                             std::string_view key);

}  // namespace sluice::dialect::responses
