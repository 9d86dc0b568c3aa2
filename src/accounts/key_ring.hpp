// The keys that clients call with, as one immutable snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "accounts/cidr.hpp"
#include "base/error.hpp"
#include "config/config.hpp"

namespace sluice::accounts {

/// What a key may do. Lives as long as its KeyRing.
struct KeyRecord {
  std::string name;
  std::vector<std::string> models;    // empty: any; a trailing '*' makes a prefix
  std::vector<Cidr> allow_ips;        // empty: any
  std::optional<int64_t> expires_at;  // Unix seconds

  bool allows_model(std::string_view model) const;
  bool allows_address(const IpAddress& address) const;
};

/// Immutable, so every thread may read it; replaced as a whole on a reload. The keys themselves
/// are not kept: only their SHA-256 under a random key of this process, so that neither a core
/// dump nor the time of a lookup tells them.
class KeyRing {
 public:
  /// Longer credentials are unknown without a look.
  static constexpr size_t kMaxKeyLength = 1024;

  /// kConfig when an allow_ips entry is no address or network, or a key stands there twice.
  static Result<KeyRing> from_config(const config::Config& config);

  /// Whose key this is, usable now and from this address. `presented` is the credential alone,
  /// without "Bearer "; `unix_now` is in seconds. With auth.enabled false an unknown or missing
  /// key gets a record that may do everything.
  /// kInvalidApiKey (unknown, missing and expired alike, so that the answer tells nothing),
  /// kIpNotAllowed.
  Result<const KeyRecord*> authenticate(std::string_view presented, const IpAddress& client,
                                        int64_t unix_now) const;

  /// authenticate(), then kModelNotAllowed.
  Result<const KeyRecord*> authorize(std::string_view presented, const IpAddress& client,
                                     std::string_view model, int64_t unix_now) const;

  /// kModelNotAllowed when the key's list does not have the model.
  static Status check_model(const KeyRecord& key, std::string_view model);

  size_t size() const { return records_.size(); }

 private:
  using Digest = std::array<uint8_t, 32>;
  struct Entry {
    Digest digest;
    size_t record;
  };

  KeyRing() = default;
  Digest digest(std::string_view presented) const;
  const KeyRecord* find(std::string_view presented) const;

  std::array<uint8_t, 32> hash_key_;
  std::vector<KeyRecord> records_;
  // By the first eight bytes of the digest.
  std::unordered_multimap<uint64_t, Entry> index_;
  std::optional<KeyRecord> anonymous_;
};

}  // namespace sluice::accounts
