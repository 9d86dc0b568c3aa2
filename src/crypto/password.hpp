// Passwords as they are kept: Argon2id (RFC 9106).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sluice::crypto {

/// What one hash costs. The standard is RFC 9106's second choice with less memory and more passes,
/// so that a small machine can check several at once.
struct PasswordCost {
  uint32_t memory_kib = 19 * 1024;
  uint32_t passes = 2;
  uint32_t lanes = 1;
};

/// The password in PHC form, "$argon2id$v=19$m=...": salt and cost stand in it. Takes tens of
/// milliseconds: never on a loop. kInternal when there is no memory or no randomness.
Result<std::string> hash_password(std::string_view password, const PasswordCost& cost = {});

/// The password is the one that was hashed. Takes as long for a wrong one. False for a text that is
/// no Argon2id hash, or that costs more than 16 times the standard.
bool verify_password(std::string_view password, std::string_view hash);

/// A hash that no password has, made without hashing: checking against it takes as long as against
/// any of this cost.
std::string hash_of_nobody(const PasswordCost& cost = {});

/// It was hashed at another cost than this and should be hashed anew.
bool needs_rehash(std::string_view hash, const PasswordCost& cost = {});

}  // namespace sluice::crypto
