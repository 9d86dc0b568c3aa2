// Claude's thinking in one token, for clients that carry a token but neither the text nor the
// signature as they were: reasoning items of OpenAI's Responses. The token is one of signature.hpp,
// so that it is recognised, and opened only for the provider whose thinking it is.
#pragma once

#include <string>
#include <string_view>

#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

/// The token for a kThinking or kRedactedThinking block: what it needs to be replayed exactly. A
/// block without a signature, or with one of the gateway's, is not Claude's, and its token carries
/// no text. Empty without a key.
std::string seal_thinking(const Block& block, std::string_view provider, std::string_view key);

/// Makes of a block whose signature is such a token, minted for `provider` under `key`, the block
/// that was sealed. False, and the block as it was, for all others.
bool unseal_thinking(Block& block, std::string_view provider, std::string_view key, Arena& arena);

}  // namespace sluice::dialect::chat
