// Who has changed what.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace sluice::store {

/// Rows are only ever added.
struct AuditEntry {
  int64_t id = 0;
  int64_t at = 0;       // Unix milliseconds
  std::string actor;    // as in the ledger
  std::string address;  // of the client; empty for a shell
  std::string action;   // "PATCH /api/admin/users/{id}"
  std::string subject;  // what the path's variable segments were; empty: there are none
  std::string before;   // JSON without secrets; empty: not told
  std::string after;
};

struct AuditFilter {
  std::string actor{}, action{}, subject{};  // empty: any
  int64_t from = 0;                          // Unix ms, inclusive
  int64_t to = INT64_MAX;                    // exclusive
  /// Cursor: entries older than the one of this id, which was at this time; 0: from the newest.
  int64_t before_at = 0, before_id = 0;
  int limit = 50;
};

/// Both block, and any thread may call them. kLedgerUnavailable when the database cannot be read or
/// written now.
class Audit {
 public:
  virtual ~Audit() = default;

  /// `at` is now where it is 0.
  virtual Status note(const AuditEntry& entry) = 0;
  /// Newest first.
  virtual Result<std::vector<AuditEntry>> entries(const AuditFilter& filter) = 0;
};

}  // namespace sluice::store
