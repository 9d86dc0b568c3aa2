// What upstreams' reports have taught.
#include "store/sql_database.hpp"

namespace sluice::store {

Result<Rate> SqlDatabase::ensure_rate(const Rate& rate) { return prices_->set(rate); }

Result<std::vector<Database::Factor>> SqlDatabase::factors() {
  return sessions_->read([](soci::session& sql) -> Result<std::vector<Factor>> {
    std::vector<Factor> all;
    Factor row;
    soci::statement statement =
        (sql.prepare << "SELECT model, factor, samples FROM model_factors ORDER BY model",
         soci::into(row.model), soci::into(row.factor), soci::into(row.samples));
    statement.execute();
    while (statement.fetch()) all.push_back(row);
    return all;
  });
}

Status SqlDatabase::keep_factors(std::span<const Factor> factors) {
  return sessions_->write([&](soci::session& sql) -> Status {
    const int64_t at = unix_ms();
    for (const Factor& each : factors) {
      sql << "DELETE FROM model_factors WHERE model = :model", soci::use(each.model);
      sql << "INSERT INTO model_factors (model, factor, samples, updated_at)"
             " VALUES (:model, :factor, :samples, :at)",
          soci::use(each.model), soci::use(each.factor), soci::use(each.samples), soci::use(at);
    }
    return {};
  });
}

}  // namespace sluice::store
