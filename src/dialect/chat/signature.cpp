#include "dialect/chat/signature.hpp"

#include <algorithm>

#include "crypto/digest.hpp"
#include "dialect/chat/names.hpp"

namespace sluice::dialect::chat {
namespace {

constexpr size_t kTagBytes = 16;

std::string tag_of(std::string_view signed_part, std::string_view key) {
  const crypto::Digest digest = crypto::hmac_sha256(key, signed_part);
  return crypto::base64url(
      std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size())
          .substr(0, kTagBytes));
}

}  // namespace

std::string mint_signature(std::string_view provider, std::string_view payload,
                           std::string_view key) {
  std::string signature(kSignaturePrefix);
  signature += clean_name(provider, kMaxToolName);
  signature += '.';
  signature += crypto::base64url(payload);
  const std::string tag = tag_of(signature, key);
  signature += '.';
  signature += tag;
  return signature;
}

bool is_gateway_signature(std::string_view signature) {
  return signature.starts_with(kSignaturePrefix);
}

std::optional<std::string> open_signature(std::string_view signature, std::string_view provider,
                                          std::string_view key) {
  if (!is_gateway_signature(signature) || key.empty()) return std::nullopt;
  const size_t tag_at = signature.rfind('.');
  const std::string_view signed_part = signature.substr(0, tag_at);
  if (!crypto::equal_in_constant_time(tag_of(signed_part, key), signature.substr(tag_at + 1))) {
    return std::nullopt;
  }
  std::string_view rest = signed_part;
  rest.remove_prefix(std::min(kSignaturePrefix.size(), rest.size()));
  const std::string name = clean_name(provider, kMaxToolName);
  if (!rest.starts_with(name)) return std::nullopt;
  rest.remove_prefix(name.size());
  if (!rest.starts_with('.')) return std::nullopt;
  return crypto::from_base64url(rest.substr(1));
}

}  // namespace sluice::dialect::chat
