// Rollups in SQL.
#pragma once

#include <optional>

#include "store/rollups.hpp"
#include "store/sessions.hpp"

namespace sluice::store {

class SqlRollups final : public Rollups {
 public:
  explicit SqlRollups(Sessions& sessions) : sessions_(sessions) {}

  Result<bool> roll_up() override;
  Result<size_t> purge(int64_t before) override;

 private:
  Result<int64_t> newest();

  Sessions& sessions_;
};

// Lengths of the sums, in milliseconds.
inline constexpr int64_t kQuarter = 900'000;
inline constexpr int64_t kDay = 86'400'000;
inline constexpr int64_t kMonth = 32 * kDay;  // as the Unix time counts
inline constexpr int64_t kYear = 12 * kMonth;

/// usage_rollups.kind: which columns tell sums apart. A key is one of its user's, and a model has
/// few providers, so that what is asked for by one of a pair is summed up from both.
enum class RollupKind : uint8_t {
  kAll = 0,
  kNone = 1,
  kUser = 2,
  kModels = 6,  // and providers
  kKeys = 7,    // and users
  kUserModels = 8,
};

/// Whether there are sums by kYear: where there are many of each month, and few of them go on.
constexpr bool has_years(RollupKind kind) {
  return kind == RollupKind::kUser || kind == RollupKind::kKeys || kind == RollupKind::kUserModels;
}

/// How far the sums go: usage_logs.seq. `lock` as Dialect::for_update, or nothing.
int64_t rolled_up_to(soci::session& sql, const char* lock);

/// In a transaction that settles: who sums up waits for its end, so that no row comes to light
/// behind what has been summed up.
void enter_usage_turn(soci::session& sql, const Dialect& dialect);

}  // namespace sluice::store
