#include "admin/key_text.hpp"

#include <openssl/rand.h>

#include <array>
#include <string_view>

namespace sluice::admin {

Result<Secret> make_key_text() {
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr size_t kLength = 48;
  // The largest multiple of 62 that fits: what is above would favour the first letters.
  constexpr unsigned kFair = 248;
  std::string text = "sk-";
  text.reserve(3 + kLength);
  while (text.size() < 3 + kLength) {
    std::array<unsigned char, 64> random{};
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
      return fail(ErrorCode::kInternal, "OpenSSL has no random bytes");
    }
    for (const unsigned char byte : random) {
      if (byte < kFair && text.size() < 3 + kLength) text += kLetters[byte % kLetters.size()];
    }
  }
  return Secret(std::move(text));
}

}  // namespace sluice::admin
