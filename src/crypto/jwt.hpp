// JSON Web Tokens (RFC 7519) signed with HMAC-SHA256, and no others: neither "none" nor another
// algorithm is ever accepted.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace sluice::crypto {

/// What a token says.
struct Claims {
  std::string subject;     // "sub": who it is
  std::string session;     // "sid": from which login it comes
  std::string role;        // "role"
  int64_t issued_at = 0;   // "iat": Unix seconds
  int64_t expires_at = 0;  // "exp"
};

/// A secret to sign with, and the name by which a token tells it.
struct SigningKey {
  std::string id;  // "kid"
  Secret secret;
};

inline constexpr size_t kMostJwt = 4096;  // bytes of a token that is looked at

std::string sign_jwt(const Claims& claims, const SigningKey& key);

/// Of a token that one of `keys` has signed and that has not expired at `now` (Unix seconds).
/// kInvalidApiKey, without telling more, for every other.
Result<Claims> verify_jwt(std::string_view token, std::span<const SigningKey> keys, int64_t now);

}  // namespace sluice::crypto
