// Prices: versions by model and by whom they are for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "store/records.hpp"

namespace sluice::store {

/// All functions block, and any thread may call them. kLedgerUnavailable when the database cannot
/// be read or written now.
class Prices {
 public:
  virtual ~Prices() = default;

  /// The version that is in force for its scope and model from now on: `rate` as a new one, or the
  /// latest where that says the same. kInvalidRequest without a model, or with a negative amount.
  /// kConflict when the latest is the configuration's and `rate` is not, which would not last.
  virtual Result<Rate> set(const Rate& rate) = 0;
  /// There is no price from now on. kNotFound when there was none; kConflict as above.
  virtual Status withdraw(std::string_view scope, std::string_view model, std::string_view by) = 0;
  /// The latest versions that have not been withdrawn, by scope and model.
  virtual Result<std::vector<Rate>> in_force() = 0;
  /// Newest first, of one model or (empty) of all, older than `before` (0: all).
  virtual Result<std::vector<Rate>> versions(std::string_view model, int64_t before, int limit) = 0;
  virtual Result<std::optional<Rate>> version(int64_t id) = 0;

  /// Users whose price_group is not empty: their ids and groups.
  virtual Result<std::vector<std::pair<int64_t, std::string>>> groups() = 0;
  /// Empty where he has none, or is not there.
  virtual Result<std::string> group_of(int64_t user_id) = 0;
  /// Users with a group, or with prices of their own.
  struct PricedUser {
    int64_t id = 0;
    std::string name;
    std::string group;
  };
  virtual Result<std::vector<PricedUser>> users_with_prices() = 0;
  /// kNotFound when there is no such user.
  virtual Status set_group(std::string_view user, std::string_view group) = 0;

  /// What a row of usage tells about another price.
  struct Used {
    int64_t seq = 0;
    std::string model, upstream_model, provider;
    int64_t user_id = 0;
    TokenCounts counts;
    Money cost;
  };
  /// The first and the last seq of the rows that began in [from, to); (0, 0): there are none.
  virtual Result<std::pair<int64_t, int64_t>> seqs_of(int64_t from, int64_t to) = 0;
  /// Those of them in the order in which they came, of [first, last].
  virtual Result<std::vector<Used>> used(int64_t first, int64_t last, int64_t from, int64_t to,
                                         int limit) = 0;
};

}  // namespace sluice::store
