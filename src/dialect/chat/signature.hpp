// Signatures of thinking that was not Claude's. Anthropic clients replay a thinking block with its
// signature, and Claude refuses one that it has not made. So what other models' thinking needs to
// be replayed is wrapped, recognisable and authenticated:
//
//   gwsig1.PROVIDER.PAYLOAD.TAG
//
// where PAYLOAD is the provider's own token and TAG the first 16 bytes of HMAC-SHA-256 over all
// before it, both base64url without padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::dialect::chat {

inline constexpr std::string_view kSignaturePrefix = "gwsig1.";

/// `provider` is the configured name, cleaned as clean_name() does. `payload` may be empty.
std::string mint_signature(std::string_view provider, std::string_view payload,
                           std::string_view key);

/// It claims to be one of these, genuine or not: no upstream but the one that minted it may see
/// it.
bool is_gateway_signature(std::string_view signature);

/// The payload, when `provider` minted it under `key`; compared in constant time.
std::optional<std::string> open_signature(std::string_view signature, std::string_view provider,
                                          std::string_view key);

}  // namespace sluice::dialect::chat
