// SHA-256 and what is made of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::crypto {

using Digest = std::array<uint8_t, 32>;

Digest sha256(std::string_view text);
Digest hmac_sha256(std::string_view key, std::string_view text);

/// The SHA-256 as lower-case hex: all 64 digits, and the first 8 of them.
std::string sha256_hex(std::string_view text);
std::string short_hash(std::string_view text);

/// Takes as long for texts that differ as for such that do not; their lengths are no secret.
bool equal_in_constant_time(std::string_view a, std::string_view b);

/// Without padding.
std::string base64url(std::string_view bytes);
/// nullopt for a text that base64url() would not have made.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace sluice::crypto
