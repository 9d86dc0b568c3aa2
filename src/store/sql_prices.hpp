// Prices in SQL.
#pragma once

#include "store/prices.hpp"
#include "store/sessions.hpp"

namespace sluice::store {

class SqlPrices final : public Prices {
 public:
  explicit SqlPrices(Sessions& sessions) : sessions_(sessions) {}

  Result<Rate> set(const Rate& rate) override;
  Status withdraw(std::string_view scope, std::string_view model, std::string_view by) override;
  Result<std::vector<Rate>> in_force() override;
  Result<std::vector<Rate>> versions(std::string_view model, int64_t before, int limit) override;
  Result<std::optional<Rate>> version(int64_t id) override;
  Result<std::vector<std::pair<int64_t, std::string>>> groups() override;
  Result<std::string> group_of(int64_t user_id) override;
  Result<std::vector<PricedUser>> users_with_prices() override;
  Status set_group(std::string_view user, std::string_view group) override;
  Result<std::pair<int64_t, int64_t>> seqs_of(int64_t from, int64_t to) override;
  Result<std::vector<Used>> used(int64_t first, int64_t last, int64_t from, int64_t to,
                                 int limit) override;

 private:
  Sessions& sessions_;
};

}  // namespace sluice::store
