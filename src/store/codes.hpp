// Redemption codes: amounts that whoever has the code may have paid into his wallet, once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "store/records.hpp"

namespace sluice::store {

/// Times are Unix milliseconds.
struct Code {
  int64_t id = 0;
  std::string digest;  // of the code, which is nowhere
  std::string prefix;  // of the code, for people; at most 16 bytes
  Money amount;        // above 0
  std::string note;
  std::string created_by;
  int64_t created_at = 0;
  std::optional<int64_t> expires_at;
  std::string redeemed_by;  // name of the user
  std::optional<int64_t> redeemed_at;
};

/// All functions block, and any thread may call them. kLedgerUnavailable when the database cannot
/// be read or written now.
class Codes {
 public:
  virtual ~Codes() = default;

  /// All or none of them; with their ids, in the same order.
  virtual Result<std::vector<Code>> add_codes(std::span<const Code> codes) = 0;
  /// Newest first, older than `before_id` (0: all); digests stay empty.
  virtual Result<std::vector<Code>> codes(int64_t before_id, int limit) = 0;
  /// kNotFound; kConflict when it has been redeemed.
  virtual Status delete_code(int64_t id) = 0;
  /// Uses the code up and posts its amount as a grant, both or neither, durable against power
  /// loss. kNotFound when there is no such code or no such user, kConflict when it was redeemed
  /// before or has expired, kInvalidRequest when the balance would not fit.
  virtual Result<Transaction> redeem(std::string_view digest, int64_t user_id,
                                     std::string_view actor) = 0;
};

}  // namespace sluice::store
