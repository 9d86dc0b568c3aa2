#include "accounts/key_ring.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>

namespace sluice::accounts {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

bool pattern_matches(std::string_view pattern, std::string_view model) {
  if (pattern.ends_with('*')) return model.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == model;
}

uint64_t first_bytes(std::span<const uint8_t> digest) {
  uint64_t out = 0;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

std::unexpected<Error> unknown_key() {
  return fail(ErrorCode::kInvalidApiKey, "Incorrect API key provided.");
}

}  // namespace

bool KeyRecord::allows_model(std::string_view model) const {
  return models.empty() || std::any_of(models.begin(), models.end(), [&](std::string_view pattern) {
           return pattern_matches(pattern, model);
         });
}

bool KeyRecord::allows_address(const IpAddress& address) const {
  return allow_ips.empty() || contains(allow_ips, address);
}

Result<KeyRing> KeyRing::from_config(const config::Config& config) {
  KeyRing ring;
  if (RAND_bytes(ring.hash_key_.data(), static_cast<int>(ring.hash_key_.size())) != 1) {
    return fail(ErrorCode::kInternal, "OpenSSL has no random bytes");
  }
  ring.records_.reserve(config.keys.size());
  for (const config::Key& key : config.keys) {
    // An empty key would open the gateway to requests without one.
    if (key.key.empty()) continue;
    Result<std::vector<Cidr>> allow_ips = parse_cidrs(key.allow_ips);
    if (!allow_ips) {
      return fail(ErrorCode::kConfig,
                  fmt::format("key \"{}\": allow_ips: {}", key.name, allow_ips.error().message));
    }
    if (ring.find(key.key.expose())) {
      return fail(ErrorCode::kConfig,
                  fmt::format("key \"{}\" is the same as another one", key.name));
    }
    const Digest digest = ring.digest(key.key.expose());
    ring.index_.emplace(first_bytes(digest), Entry{digest, ring.records_.size()});
    ring.records_.push_back({key.name, key.models, std::move(*allow_ips), key.expires_at});
  }
  if (!config.auth.enabled) ring.anonymous_.emplace().name = "anonymous";
  return ring;
}

KeyRing::Digest KeyRing::digest(std::string_view presented) const {
  // Fetching the algorithm costs more than the hash: once a process, and a context a thread.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  Digest out{};
  EVP_DigestInit_ex(context.get(), algorithm, nullptr);
  EVP_DigestUpdate(context.get(), hash_key_.data(), hash_key_.size());
  EVP_DigestUpdate(context.get(), presented.data(), presented.size());
  EVP_DigestFinal_ex(context.get(), out.data(), nullptr);
  return out;
}

const KeyRecord* KeyRing::find(std::string_view presented) const {
  if (presented.empty() || presented.size() > kMaxKeyLength) return nullptr;
  const Digest wanted = digest(presented);
  const auto [begin, end] = index_.equal_range(first_bytes(wanted));
  for (auto it = begin; it != end; ++it) {
    if (CRYPTO_memcmp(it->second.digest.data(), wanted.data(), wanted.size()) == 0) {
      return &records_[it->second.record];
    }
  }
  return nullptr;
}

Result<const KeyRecord*> KeyRing::authenticate(std::string_view presented, const IpAddress& client,
                                               int64_t unix_now) const {
  const KeyRecord* key = find(presented);
  if (!key) {
    if (anonymous_) return &*anonymous_;
    return unknown_key();
  }
  if (key->expires_at && unix_now >= *key->expires_at) return unknown_key();
  if (!key->allows_address(client)) {
    return fail(ErrorCode::kIpNotAllowed, "This API key may not be used from your address.");
  }
  return key;
}

Status KeyRing::check_model(const KeyRecord& key, std::string_view model) {
  if (key.allows_model(model)) return {};
  return fail(ErrorCode::kModelNotAllowed,
              fmt::format("This API key may not use the model {}.", model), "model");
}

Result<const KeyRecord*> KeyRing::authorize(std::string_view presented, const IpAddress& client,
                                            std::string_view model, int64_t unix_now) const {
  Result<const KeyRecord*> key = authenticate(presented, client, unix_now);
  if (!key) return key;
  if (Status allowed = check_model(**key, model); !allowed) {
    return std::unexpected(std::move(allowed.error()));
  }
  return key;
}

}  // namespace sluice::accounts
