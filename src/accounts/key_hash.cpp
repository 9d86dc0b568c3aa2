#include "accounts/key_hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <span>

namespace sluice::accounts {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

KeyHash::Digest sha256(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  // Fetching the algorithm costs more than the hash: once a process, and a context a thread.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  KeyHash::Digest out{};
  EVP_DigestInit_ex(context.get(), algorithm, nullptr);
  EVP_DigestUpdate(context.get(), a.data(), a.size());
  EVP_DigestUpdate(context.get(), b.data(), b.size());
  EVP_DigestFinal_ex(context.get(), out.data(), nullptr);
  return out;
}

}  // namespace

KeyHash::KeyHash(std::string_view secret) {
  // RFC 2104: a longer secret is hashed, a shorter one filled up with zeros.
  std::array<uint8_t, kBlock> block{};
  if (secret.size() > kBlock) {
    const Digest hashed = sha256(as_bytes(secret), {});
    std::ranges::copy(hashed, block.begin());
  } else {
    std::ranges::copy(secret, block.begin());
  }
  for (size_t i = 0; i < kBlock; ++i) {
    inner_[i] = block[i] ^ 0x36;
    outer_[i] = block[i] ^ 0x5c;
  }
  OPENSSL_cleanse(block.data(), block.size());
}

KeyHash::Digest KeyHash::operator()(std::string_view text) const {
  const Digest inside = sha256(inner_, as_bytes(text));
  return sha256(outer_, inside);
}

}  // namespace sluice::accounts
