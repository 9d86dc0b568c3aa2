#include "accounts/key_ring.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>

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

std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::array<uint8_t, 32> sha256(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  // Fetching the algorithm costs more than the hash: once a process, and a context a thread.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  std::array<uint8_t, 32> out{};
  EVP_DigestInit_ex(context.get(), algorithm, nullptr);
  EVP_DigestUpdate(context.get(), a.data(), a.size());
  EVP_DigestUpdate(context.get(), b.data(), b.size());
  EVP_DigestFinal_ex(context.get(), out.data(), nullptr);
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

KeyRing::KeyRing(std::string_view key_secret) {
  // RFC 2104: a longer secret is hashed, a shorter one filled up with zeros.
  std::array<uint8_t, kBlock> block{};
  if (key_secret.size() > kBlock) {
    const Digest hashed = sha256(as_bytes(key_secret), {});
    std::ranges::copy(hashed, block.begin());
  } else {
    std::ranges::copy(key_secret, block.begin());
  }
  for (size_t i = 0; i < kBlock; ++i) {
    inner_[i] = block[i] ^ 0x36;
    outer_[i] = block[i] ^ 0x5c;
  }
  OPENSSL_cleanse(block.data(), block.size());
}

std::string KeyRing::digest_of(std::string_view key_secret, std::string_view key) {
  const Digest digest = KeyRing(key_secret).digest(key);
  return {digest.begin(), digest.end()};
}

Result<Secret> KeyRing::make_key() {
  constexpr std::string_view kLetters =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr size_t kRandom = 48;
  // The largest multiple of 62 in a byte: what is above would favour the first letters.
  constexpr unsigned kFair = 248;
  // Short, since what is shown of a key is its first six characters.
  std::string text = "sk-";
  const size_t whole = text.size() + kRandom;
  text.reserve(whole);
  while (text.size() < whole) {
    std::array<uint8_t, 64> random{};
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
      return fail(ErrorCode::kInternal, "OpenSSL has no random bytes");
    }
    for (const uint8_t byte : random) {
      if (byte < kFair && text.size() < whole) text += kLetters[byte % kLetters.size()];
    }
  }
  return Secret(std::move(text));
}

Result<KeyRing> KeyRing::make(const config::Config& config, std::span<const store::Key> keys,
                              std::string_view key_secret) {
  KeyRing ring(key_secret);
  ring.make_index(config.keys.size() + keys.size());
  std::unordered_map<std::string_view, const store::Key*> stored;
  stored.reserve(keys.size());
  for (const store::Key& key : keys) {
    if (key.digest.size() != sizeof(Digest)) {
      return fail(ErrorCode::kInternal,
                  fmt::format("key \"{}\": its digest in the database is damaged", key.name));
    }
    stored.emplace(key.digest, &key);
  }
  for (const config::Key& key : config.keys) {
    // An empty key would open the gateway to requests without one.
    if (key.key.empty()) continue;
    const Digest digest = ring.digest(key.key.expose());
    const auto known = stored.find({reinterpret_cast<const char*>(digest.data()), digest.size()});
    if (known == stored.end()) {
      return fail(ErrorCode::kInternal, fmt::format("key \"{}\" is not in the database", key.name));
    }
    KeyRecord record{.key_id = known->second->id,
                     .user_id = known->second->user_id,
                     .enabled = known->second->enabled,
                     .name = key.name,
                     .models = key.models,
                     .allow_ips = {},
                     .expires_at = key.expires_at,
                     .strict = key.strict};
    if (Status added = ring.add(digest, std::move(record), key.allow_ips); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  for (const store::Key& key : keys) {
    Digest digest;
    std::ranges::copy(key.digest, digest.begin());
    if (key.configured || ring.index_[ring.slot(digest)] != 0) continue;
    KeyRecord record{.key_id = key.id,
                     .user_id = key.user_id,
                     .enabled = key.enabled,
                     .name = key.name,
                     .models = key.models,
                     .allow_ips = {},
                     .expires_at = key.expires_at,
                     .strict = std::nullopt};
    if (Status added = ring.add(digest, std::move(record), key.allow_ips); !added) {
      return std::unexpected(std::move(added.error()));
    }
  }
  if (!config.auth.enabled) ring.anonymous_.emplace().name = "anonymous";
  return ring;
}

Status KeyRing::add(const Digest& digest, KeyRecord record,
                    std::span<const std::string> allow_ips) {
  Result<std::vector<Cidr>> networks = parse_cidrs(allow_ips);
  if (!networks) {
    return fail(ErrorCode::kConfig,
                fmt::format("key \"{}\": allow_ips: {}", record.name, networks.error().message));
  }
  uint32_t& place = index_[slot(digest)];
  if (place != 0) {
    return fail(ErrorCode::kConfig,
                fmt::format("key \"{}\" is the same as another one", record.name));
  }
  record.allow_ips = std::move(*networks);
  records_.push_back(std::move(record));
  digests_.push_back(digest);
  place = static_cast<uint32_t>(records_.size());
  return {};
}

void KeyRing::make_index(size_t keys) {
  // One is always free, so that every search ends.
  index_.assign(std::bit_ceil(2 * keys + 1), 0);
  records_.reserve(keys);
  digests_.reserve(keys);
}

KeyRing::Digest KeyRing::digest(std::string_view presented) const {
  const Digest inside = sha256(inner_, as_bytes(presented));
  return sha256(outer_, inside);
}

size_t KeyRing::slot(const Digest& digest) const {
  const size_t mask = index_.size() - 1;
  size_t at = first_bytes(digest) & mask;
  for (; index_[at] != 0; at = (at + 1) & mask) {
    if (CRYPTO_memcmp(digests_[index_[at] - 1].data(), digest.data(), digest.size()) == 0) break;
  }
  return at;
}

const KeyRecord* KeyRing::find(std::string_view presented) const {
  if (presented.empty() || presented.size() > kMaxKeyLength) return nullptr;
  const uint32_t place = index_[slot(digest(presented))];
  return place == 0 ? nullptr : &records_[place - 1];
}

Result<const KeyRecord*> KeyRing::authenticate(std::string_view presented, const IpAddress& client,
                                               int64_t unix_now) const {
  const KeyRecord* key = find(presented);
  if (!key) {
    if (anonymous_) return &*anonymous_;
    return unknown_key();
  }
  if (!key->enabled) return unknown_key();
  if (key->expires_at && unix_now >= *key->expires_at) return unknown_key();
  if (!key->allows_address(client)) {
    return fail(ErrorCode::kIpNotAllowed, "This API key may not be used from your address.");
  }
  return key;
}

const KeyRecord* KeyRing::named(std::string_view name) const {
  const auto found = std::ranges::find(records_, name, &KeyRecord::name);
  return found == records_.end() ? nullptr : &*found;
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
