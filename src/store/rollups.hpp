// Sums of usage by spans of a quarter of an hour to 384 days, which stay when rows are purged.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.hpp"

namespace sluice::store {

/// All functions block, and any thread may call them, of several gateways at once.
/// kLedgerUnavailable when the database cannot be read or written now.
class Rollups {
 public:
  virtual ~Rollups() = default;

  /// Adds the next rows of usage_logs to the sums, in the order in which they came, each once
  /// whatever happens: sums and how far they go change in one transaction. True when there are
  /// more.
  virtual Result<bool> roll_up() = 0;
  /// Deletes some of the rows that are in the sums and began before (Unix ms); how many. 0: there
  /// are no more.
  virtual Result<size_t> purge(int64_t before) = 0;
};

}  // namespace sluice::store
