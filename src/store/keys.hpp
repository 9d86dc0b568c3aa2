// API keys as they are administrated.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "store/records.hpp"

namespace sluice::store {

/// All functions block, and any thread may call them. kLedgerUnavailable when the database cannot
/// be read or written now.
class Keys {
 public:
  virtual ~Keys() = default;

  struct Page {
    std::optional<int64_t> user_id{};  // none: of everybody; 0: nobody's
    int64_t after = 0;                 // the id before the first one
    int limit = 50;
  };
  virtual Result<std::optional<Key>> key(int64_t id) = 0;
  /// In the order of their ids.
  virtual Result<std::vector<Key>> page(const Page& page) = 0;
  /// kConflict when its owner has one of this name, kInvalidRequest when he has `most`, or when a
  /// team is to pay that he is no member of.
  virtual Result<Key> add(const Key& key, int64_t most) = 0;
  /// Name, enabled, limits and expiry become the given. kPreconditionFailed when its version is
  /// another than there, kConflict as in add(), kNotFound. Returns what is there then.
  virtual Result<Key> change(const Key& key) = 0;
  /// Both or neither: `fresh` is made in the place of a key, which expires at `expires_at` (Unix
  /// seconds) unless it does so before. Errors as in change() and add().
  struct Replaced {
    Key old;
    Key fresh;
  };
  virtual Result<Replaced> replace(const Key& old, int64_t expires_at, const Key& fresh,
                                   int64_t most) = 0;
  /// When keys were used last, in Unix milliseconds.
  struct Used {
    int64_t id = 0;
    int64_t at = 0;
  };
  virtual Status note_used(std::span<const Used> used) = 0;

  /// The wallet of a user; none where there is no such user.
  virtual Result<std::optional<Wallet>> wallet_of(int64_t user_id) = 0;
  /// A wallet by its own id; none where there is none.
  virtual Result<std::optional<Wallet>> wallet(int64_t wallet_id) = 0;
  /// Users whose keys are worth nothing.
  virtual Result<std::vector<int64_t>> disabled_users() = 0;
};

}  // namespace sluice::store
