#include "accounts/key_ring.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::accounts {
namespace {

bool pattern_matches(std::string_view pattern, std::string_view model) {
  if (pattern.ends_with('*')) return model.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == model;
}

uint64_t number_of(const KeyHash::Digest& digest) {
  uint64_t out = 0;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

template <typename Number>
size_t shard_of(Number number) {
  return static_cast<uint64_t>(number) % 256;
}

constexpr auto kNumber = [](const auto& entry) { return entry.number; };

std::unexpected<Error> unknown_key() {
  return fail(ErrorCode::kInvalidApiKey, "Incorrect API key provided.");
}

std::unexpected<Error> twice(std::string_view name) {
  return fail(ErrorCode::kConfig, fmt::format("key \"{}\" is the same as another one", name));
}

std::optional<bool> strict_of(const store::Key& key) {
  return key.mode.empty() ? std::nullopt : std::optional(key.mode == "strict");
}

Status set_addresses(KeyRecord& record, std::span<const std::string> allow_ips) {
  Result<std::vector<Cidr>> networks = parse_cidrs(allow_ips);
  if (!networks) {
    return fail(ErrorCode::kConfig,
                fmt::format("key \"{}\": allow_ips: {}", record.name, networks.error().message));
  }
  record.allow_ips = std::move(*networks);
  return {};
}

Result<KeyHash::Digest> checked_digest(const store::Key& key) {
  KeyHash::Digest digest{};
  if (key.digest.size() != digest.size()) {
    return fail(ErrorCode::kInternal,
                fmt::format("key \"{}\": its digest in the database is damaged", key.name));
  }
  std::ranges::copy(key.digest, digest.begin());
  return digest;
}

Result<KeyRecord> record_of(const store::Key& key, quota::Account* account) {
  KeyRecord record{.key_id = key.id,
                   .user_id = key.user_id,
                   .enabled = key.enabled,
                   .configured = false,
                   .name = key.name,
                   .models = key.models,
                   .allow_ips = {},
                   .expires_at = key.expires_at,
                   .strict = strict_of(key),
                   .account = account};
  if (Status set = set_addresses(record, key.allow_ips); !set) return std::unexpected(set.error());
  return record;
}

/// A shard that is like `shard` but for one number, which is of `key` or, null, of none.
template <typename Shard, typename Number, typename Key>
std::shared_ptr<const Shard> changed(const std::shared_ptr<const Shard>& shard, Number number,
                                     const Key* gone, std::shared_ptr<const Key> added) {
  auto copy = shard ? std::make_shared<Shard>(*shard) : std::make_shared<Shard>();
  if (gone != nullptr)
    std::erase_if(*copy, [&](const auto& each) { return each.key.get() == gone; });
  if (added) {
    copy->insert(std::ranges::upper_bound(*copy, number, {}, kNumber), {number, std::move(added)});
  }
  return copy;
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

std::string KeyRing::digest_of(std::string_view key_secret, std::string_view key) {
  const KeyHash::Digest digest = KeyHash(key_secret)(key);
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

KeyRing::Builder::Builder(const config::Config& config, std::string_view key_secret)
    : config_(config), ring_(key_secret) {}

Result<KeyRing::Builder> KeyRing::Builder::begin(const config::Config& config,
                                                 std::string_view key_secret) {
  Builder builder(config, key_secret);
  for (const config::Key& key : config.keys) {
    // An empty key would open the gateway to requests without one.
    if (key.key.empty()) continue;
    const KeyHash::Digest digest = builder.ring_.hash_(key.key.expose());
    if (!builder.configured_.emplace(std::string(digest.begin(), digest.end()), &key).second) {
      return twice(key.name);
    }
  }
  return builder;
}

Status KeyRing::Builder::add(const store::Key& key, quota::Account* account) {
  const auto digest = checked_digest(key);
  if (!digest) return std::unexpected(digest.error());
  const auto configured = configured_.find(key.digest);
  if (configured == configured_.end() && key.configured) return {};
  auto record = record_of(key, account);
  if (configured != configured_.end()) {
    const config::Key& wanted = *configured->second;
    record = KeyRecord{.key_id = key.id,
                       .user_id = key.user_id,
                       .enabled = key.enabled,
                       .configured = true,
                       .name = wanted.name,
                       .models = wanted.models,
                       .allow_ips = {},
                       .expires_at = wanted.expires_at,
                       .strict = wanted.strict,
                       .account = account};
    if (Status set = set_addresses(*record, wanted.allow_ips); !set) return set;
    configured_.erase(configured);
  }
  if (!record) return std::unexpected(record.error());
  const HeldPtr held = std::make_shared<const Held>(*digest, std::move(*record));
  const uint64_t number = number_of(*digest);
  by_digest_[shard_of(number)].push_back({number, held});
  by_id_[shard_of(key.id)].push_back({key.id, held});
  ++ring_.size_;
  return {};
}

Result<KeyRing> KeyRing::Builder::finish() {
  if (!configured_.empty()) {
    return fail(ErrorCode::kInternal, fmt::format("key \"{}\" is not in the database",
                                                  configured_.begin()->second->name));
  }
  const auto settle = [](auto& from, auto& into) {
    for (size_t i = 0; i < from.size(); ++i) {
      if (from[i].empty()) continue;
      std::ranges::sort(from[i], {}, kNumber);
      from[i].shrink_to_fit();
      using Made = std::remove_reference_t<decltype(from[i])>;
      into[i] = std::make_shared<const Made>(std::move(from[i]));
    }
  };
  settle(by_digest_, ring_.by_digest_);
  settle(by_id_, ring_.by_id_);
  for (const auto& shard : ring_.by_digest_) {
    if (!shard) continue;
    const auto same = std::ranges::adjacent_find(*shard, [](const auto& a, const auto& b) {
      return a.number == b.number && a.key->digest == b.key->digest;
    });
    if (same != shard->end()) return twice(same->key->record.name);
  }
  if (!config_.auth.enabled) {
    KeyRecord anyone;
    anyone.name = "anonymous";
    anyone.account = anonymous_;
    ring_.anonymous_ = std::make_shared<const KeyRecord>(std::move(anyone));
  }
  return std::move(ring_);
}

Result<KeyRing> KeyRing::make(const config::Config& config, std::span<const store::Key> keys,
                              std::string_view key_secret) {
  auto builder = Builder::begin(config, key_secret);
  if (!builder) return std::unexpected(builder.error());
  for (const store::Key& key : keys) {
    if (Status added = builder->add(key); !added) return std::unexpected(added.error());
  }
  return builder->finish();
}

const KeyRing::Held* KeyRing::find(const KeyHash::Digest& digest) const {
  const uint64_t number = number_of(digest);
  const auto& shard = by_digest_[shard_of(number)];
  if (!shard) return nullptr;
  for (const auto& each : std::ranges::equal_range(*shard, number, {}, kNumber)) {
    if (CRYPTO_memcmp(each.key->digest.data(), digest.data(), digest.size()) == 0) {
      return each.key.get();
    }
  }
  return nullptr;
}

const KeyRecord* KeyRing::find(std::string_view presented) const {
  if (presented.empty() || presented.size() > kMaxKeyLength) return nullptr;
  const Held* held = find(hash_(presented));
  return held != nullptr ? &held->record : nullptr;
}

const KeyRecord* KeyRing::find(int64_t key_id) const {
  if (key_id == 0) return anonymous_.get();
  const auto& shard = by_id_[shard_of(key_id)];
  if (!shard) return nullptr;
  const auto found = std::ranges::lower_bound(*shard, key_id, {}, kNumber);
  return found != shard->end() && found->number == key_id ? &found->key->record : nullptr;
}

const KeyRecord* KeyRing::named(std::string_view name) const {
  const KeyRecord* first = nullptr;
  for (const auto& shard : by_id_) {
    if (!shard) continue;
    for (const auto& each : *shard) {
      const KeyRecord& key = each.key->record;
      if (key.name == name && (first == nullptr || key.key_id < first->key_id)) first = &key;
    }
  }
  return first;
}

Result<const KeyRecord*> KeyRing::check(const KeyRecord* key, const IpAddress& client,
                                        int64_t unix_now) const {
  if (!key->enabled || (disabled_ && disabled_->contains(key->user_id))) return unknown_key();
  if (key->expires_at && unix_now >= *key->expires_at) return unknown_key();
  if (!key->allows_address(client)) {
    return fail(ErrorCode::kIpNotAllowed, "This API key may not be used from your address.");
  }
  return key;
}

Result<const KeyRecord*> KeyRing::authenticate(std::string_view presented, const IpAddress& client,
                                               int64_t unix_now) const {
  const KeyRecord* key = find(presented);
  if (key != nullptr) return check(key, client, unix_now);
  if (anonymous_) return anonymous_.get();
  return unknown_key();
}

Result<const KeyRecord*> KeyRing::authenticate(int64_t user_id, int64_t key_id,
                                               const IpAddress& client, int64_t unix_now) const {
  const KeyRecord* key = find(key_id);
  if (key == nullptr || user_id == 0 || key->user_id != user_id) return unknown_key();
  return check(key, client, unix_now);
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

Status KeyRing::put(const store::Key& key, quota::Account* account) {
  const auto digest = checked_digest(key);
  if (!digest) return std::unexpected(digest.error());
  auto record = record_of(key, account);
  if (!record) return std::unexpected(record.error());
  if (const Held* known = find(*digest)) {
    if (known->record.configured) return {};
    erase(*known);
  }
  HeldPtr held = std::make_shared<const Held>(*digest, std::move(*record));
  const uint64_t number = number_of(*digest);
  auto& place = by_digest_[shard_of(number)];
  place = changed<Shard<uint64_t>, uint64_t, Held>(place, number, nullptr, held);
  auto& id_place = by_id_[shard_of(key.id)];
  id_place = changed<Shard<int64_t>, int64_t, Held>(id_place, key.id, nullptr, std::move(held));
  ++size_;
  return {};
}

void KeyRing::remove(int64_t key_id) {
  const auto& shard = by_id_[shard_of(key_id)];
  if (!shard || key_id == 0) return;
  const auto found = std::ranges::lower_bound(*shard, key_id, {}, kNumber);
  if (found != shard->end() && found->number == key_id) erase(*HeldPtr(found->key));
}

void KeyRing::erase(const Held& key) {
  // It may live only in the shards that are replaced here.
  const Held* gone = &key;
  const uint64_t number = number_of(key.digest);
  const int64_t id = key.record.key_id;
  auto& place = by_digest_[shard_of(number)];
  place = changed<Shard<uint64_t>, uint64_t, Held>(place, number, gone, nullptr);
  auto& id_place = by_id_[shard_of(id)];
  id_place = changed<Shard<int64_t>, int64_t, Held>(id_place, id, gone, nullptr);
  --size_;
}

void KeyRing::set_disabled(int64_t user_id, bool disabled) {
  auto copy = disabled_ ? std::make_shared<Users>(*disabled_) : std::make_shared<Users>();
  if (disabled) {
    copy->insert(user_id);
  } else {
    copy->erase(user_id);
  }
  disabled_ = copy->empty() ? nullptr : std::move(copy);
}

void KeyRing::set_disabled(std::span<const int64_t> users) {
  disabled_ = users.empty() ? nullptr : std::make_shared<const Users>(users.begin(), users.end());
}

}  // namespace sluice::accounts
