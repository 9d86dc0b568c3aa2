#include "crypto/password.hpp"

#include <argon2.h>
#include <fmt/format.h>

#include <array>
#include <cstdio>

#include "base/ids.hpp"
#include "crypto/random.hpp"

namespace sluice::crypto {

namespace {

constexpr size_t kSaltBytes = 16;
constexpr size_t kHashBytes = 32;
constexpr size_t kMostText = 256;
constexpr uint32_t kMostTimes = 16;

std::string parameters(const PasswordCost& cost) {
  return fmt::format("$argon2id$v=19$m={},t={},p={}$", cost.memory_kib, cost.passes, cost.lanes);
}

bool affordable(const std::string& hash) {
  unsigned memory = 0;
  unsigned passes = 0;
  unsigned lanes = 0;
  if (std::sscanf(hash.c_str(), "$argon2id$v=19$m=%9u,t=%9u,p=%9u$", &memory, &passes, &lanes) !=
      3) {
    return false;
  }
  const PasswordCost standard;
  return memory <= standard.memory_kib * kMostTimes && passes <= standard.passes * kMostTimes &&
         lanes >= 1 && lanes <= kMostTimes;
}

}  // namespace

Result<std::string> hash_password(std::string_view password, const PasswordCost& cost) {
  const auto salt = random_bytes(kSaltBytes);
  if (!salt) return std::unexpected(salt.error());
  std::array<char, kMostText> text{};
  const int status = argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes,
                                           password.data(), password.size(), salt->data(),
                                           salt->size(), kHashBytes, text.data(), text.size());
  if (status != ARGON2_OK) {
    return fail(ErrorCode::kInternal,
                fmt::format("a password cannot be hashed: {}", argon2_error_message(status)));
  }
  return std::string(text.data());
}

std::string hash_of_nobody(const PasswordCost& cost) {
  // Hexadecimal digits are base64 too; of these lengths no bits are left over.
  return parameters(cost) + random_hex(12) + '$' + random_hex(22);
}

bool verify_password(std::string_view password, std::string_view hash) {
  const std::string text(hash);
  if (text.size() > kMostText || !affordable(text)) return false;
  return argon2id_verify(text.c_str(), password.data(), password.size()) == ARGON2_OK;
}

bool needs_rehash(std::string_view hash, const PasswordCost& cost) {
  return !hash.starts_with(parameters(cost));
}

}  // namespace sluice::crypto
