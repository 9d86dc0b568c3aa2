// The keys that clients call with, as one immutable snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "accounts/key_hash.hpp"
#include "base/cidr.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "store/records.hpp"

namespace sluice::quota {
class Account;
}

namespace sluice::accounts {

/// What a key may do. Lives as long as any KeyRing that has it.
struct KeyRecord {
  int64_t key_id = 0;   // of the database; 0: called without a key
  int64_t user_id = 0;  // 0: nobody's
  bool enabled = true;
  bool configured = false;  // what the configuration says holds
  std::string name;
  std::vector<std::string> models;    // empty: any; a trailing '*' makes a prefix
  std::vector<Cidr> allow_ips;        // empty: any
  std::optional<int64_t> expires_at;  // Unix seconds
  std::optional<bool> strict;         // conversion's mode; absent: the configuration's
  quota::Account* account = nullptr;  // what is left of it; for who makes the ring

  bool allows_model(std::string_view model) const;
  bool allows_address(const IpAddress& address) const;
};

/// Every thread may read one, and nobody changes one that others read: a copy costs some
/// microseconds however many keys there are, shares them, and can be changed before it takes the
/// other's place. The keys themselves are not kept: only their HMAC-SHA-256 under the database's
/// secret, so that neither a core dump nor the time of a lookup tells them.
class KeyRing {
 public:
  /// Longer credentials are unknown without a look.
  static constexpr size_t kMaxKeyLength = 1024;

  class Builder;

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

  /// The same for one who has logged in and names a key of his.
  Result<const KeyRecord*> authenticate(int64_t user_id, int64_t key_id, const IpAddress& client,
                                        int64_t unix_now) const;

  /// authenticate(), then kModelNotAllowed.
  Result<const KeyRecord*> authorize(std::string_view presented, const IpAddress& client,
                                     std::string_view model, int64_t unix_now) const;

  /// The first key of this name, usable or not; null where there is none. Looks at all.
  const KeyRecord* named(std::string_view name) const;
  /// Null where there is none.
  const KeyRecord* find(int64_t key_id) const;

  /// kModelNotAllowed when the key's list does not have the model.
  static Status check_model(const KeyRecord& key, std::string_view model);

  size_t size() const { return size_; }

  // Changes, before anybody else reads it.
  /// Takes a key of the database in, in the place of what was known of it. One that the
  /// configuration has stays as it is.
  Status put(const store::Key& key, quota::Account* account);
  void remove(int64_t key_id);
  /// The keys of a disabled user are as good as unknown.
  void set_disabled(int64_t user_id, bool disabled);
  /// These and nobody else.
  void set_disabled(std::span<const int64_t> users);

 private:
  /// A key as the ring keeps it.
  struct Held {
    KeyHash::Digest digest;
    KeyRecord record;
  };
  using HeldPtr = std::shared_ptr<const Held>;
  template <typename Number>
  struct Entry {
    Number number;
    HeldPtr key;
  };
  // Sorted by number: the first bytes of the digest, or the id. Shared by the copies of a ring
  // until one of them changes it.
  template <typename Number>
  using Shard = std::vector<Entry<Number>>;
  template <typename Number>
  using Shards = std::array<std::shared_ptr<const Shard<Number>>, 256>;
  using Users = std::unordered_set<int64_t>;

  explicit KeyRing(std::string_view key_secret) : hash_(key_secret) {}
  const Held* find(const KeyHash::Digest& digest) const;
  const KeyRecord* find(std::string_view presented) const;
  Result<const KeyRecord*> check(const KeyRecord* key, const IpAddress& client,
                                 int64_t unix_now) const;
  void erase(const Held& key);

  KeyHash hash_;
  Shards<uint64_t> by_digest_;
  Shards<int64_t> by_id_;
  size_t size_ = 0;
  std::shared_ptr<const Users> disabled_;  // null: nobody
  std::shared_ptr<const KeyRecord> anonymous_;
};

/// Makes a ring of many keys, one by one.
class KeyRing::Builder {
 public:
  /// `config` outlives it. kConfig as in make().
  static Result<Builder> begin(const config::Config& config, std::string_view key_secret);

  /// A key of the database; errors as in make().
  Status add(const store::Key& key, quota::Account* account = nullptr);
  /// Of calls without a key, where the configuration allows them.
  void set_anonymous(quota::Account& account) { anonymous_ = &account; }
  /// Errors as in make().
  Result<KeyRing> finish();

 private:
  Builder(const config::Config& config, std::string_view key_secret);

  const config::Config& config_;
  KeyRing ring_;
  std::unordered_map<std::string, const config::Key*> configured_;  // by digest; not yet added
  std::array<Shard<uint64_t>, 256> by_digest_;
  std::array<Shard<int64_t>, 256> by_id_;
  quota::Account* anonymous_ = nullptr;
};

}  // namespace sluice::accounts
