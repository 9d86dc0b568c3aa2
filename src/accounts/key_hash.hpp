// HMAC-SHA-256 of keys, fast enough for every request.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::accounts {

/// With one secret. Any thread.
class KeyHash {
 public:
  using Digest = std::array<uint8_t, 32>;

  explicit KeyHash(std::string_view secret);
  Digest operator()(std::string_view text) const;

 private:
  static constexpr size_t kBlock = 64;  // of SHA-256

  // HMAC's two keys, each a block.
  std::array<uint8_t, kBlock> inner_;
  std::array<uint8_t, kBlock> outer_;
};

}  // namespace sluice::accounts
