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

/// usage_rollups.kind: which columns tell sums apart.
enum class RollupKind : uint8_t {
  kAll,
  kNone,
  kUser,
  kKey,
  kModel,
  kProvider,
  kModelAndProvider,  // margins
};

/// How far the sums go: usage_logs.seq. `lock` as Dialect::for_update, or nothing.
int64_t rolled_up_to(soci::session& sql, const char* lock);

/// In a transaction that settles: who sums up waits for its end, so that no row comes to light
/// behind what has been summed up.
void enter_usage_turn(soci::session& sql, const Dialect& dialect);

}  // namespace sluice::store
