// The keys that clients call with, as one immutable snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cidr.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "store/records.hpp"

namespace sluice::accounts {

/// What a key may do. Lives as long as its KeyRing.
struct KeyRecord {
  int64_t key_id = 0;   // of the database; 0: called without a key
  int64_t user_id = 0;  // 0: nobody's
  bool enabled = true;
  std::string name;
  std::vector<std::string> models;    // empty: any; a trailing '*' makes a prefix
  std::vector<Cidr> allow_ips;        // empty: any
  std::optional<int64_t> expires_at;  // Unix seconds
  std::optional<bool> strict;         // conversion's mode; absent: the configuration's

  bool allows_model(std::string_view model) const;
  bool allows_address(const IpAddress& address) const;
};

/// Immutable, so every thread may read it; replaced as a whole on a reload. The keys themselves
/// are not kept: only their HMAC-SHA-256 under the database's secret, so that neither a core dump
/// nor the time of a lookup tells them.
class KeyRing {
 public:
  /// Longer credentials are unknown without a look.
  static constexpr size_t kMaxKeyLength = 1024;

  /// The keys of the configuration and those of the database, side by side; of a key that stands
  /// in both, what the configuration says holds. `keys` are all that the database has, those of
  /// the configuration among them; what was of the configuration and stands there no more is left
  /// out. kConfig when an allow_ips entry is no address or network, or a key stands there twice;
  /// kInternal when a configured key is not in the database.
  static Result<KeyRing> make(const config::Config& config, std::span<const store::Key> keys,
                              std::string_view key_secret);

  /// What is kept of a key: 32 bytes, HMAC-SHA-256.
  static std::string digest_of(std::string_view key_secret, std::string_view key);

  /// The text of a new key: "sk-" and 48 letters and digits, 285 random bits.
  static Result<Secret> make_key();

  /// Whose key this is, usable now and from this address. `presented` is the credential alone,
  /// without "Bearer "; `unix_now` is in seconds. With auth.enabled false an unknown or missing
  /// key gets a record that may do everything.
  /// kInvalidApiKey (unknown, missing, disabled and expired alike, so that the answer tells
  /// nothing), kIpNotAllowed.
  Result<const KeyRecord*> authenticate(std::string_view presented, const IpAddress& client,
                                        int64_t unix_now) const;

  /// authenticate(), then kModelNotAllowed.
  Result<const KeyRecord*> authorize(std::string_view presented, const IpAddress& client,
                                     std::string_view model, int64_t unix_now) const;

  /// The first key of this name, usable or not; null where there is none.
  const KeyRecord* named(std::string_view name) const;

  /// kModelNotAllowed when the key's list does not have the model.
  static Status check_model(const KeyRecord& key, std::string_view model);

  size_t size() const { return records_.size(); }

 private:
  using Digest = std::array<uint8_t, 32>;
  static constexpr size_t kBlock = 64;  // of SHA-256

  explicit KeyRing(std::string_view key_secret);
  Status add(const Digest& digest, KeyRecord record, std::span<const std::string> allow_ips);
  void make_index(size_t keys);
  Digest digest(std::string_view presented) const;
  /// Position of the key, or of the free place for it.
  size_t slot(const Digest& digest) const;
  const KeyRecord* find(std::string_view presented) const;

  // HMAC's two keys, each a block.
  std::array<uint8_t, kBlock> inner_;
  std::array<uint8_t, kBlock> outer_;
  std::vector<KeyRecord> records_;
  std::vector<Digest> digests_;  // as records_
  // Open addressing by the first bytes of the digest, at most half full: 1 + position, 0 is free.
  std::vector<uint32_t> index_;
  std::optional<KeyRecord> anonymous_;
};

}  // namespace sluice::accounts
