// Prices and what upstreams' reports have taught.
#include <fmt/format.h>

#include <optional>

#include "store/sql_database.hpp"

namespace sluice::store {
namespace {

bool same_price(const Rate& a, const Rate& b) {
  return a.input == b.input && a.output == b.output && a.cache_read == b.cache_read &&
         a.cache_write == b.cache_write;
}

constexpr const char* kColumns =
    "SELECT id, model, input, output, cache_read, cache_write, valid_from FROM model_rates";

void into(soci::details::prepare_temp_type& query, Rate& row) {
  query, soci::into(row.id), soci::into(row.model), soci::into(row.input.nanos),
      soci::into(row.output.nanos), soci::into(row.cache_read.nanos),
      soci::into(row.cache_write.nanos), soci::into(row.valid_from);
}

std::optional<Rate> latest(soci::session& sql, const std::string& model) {
  Rate row;
  soci::details::prepare_temp_type query =
      sql.prepare << kColumns << " WHERE model = :model ORDER BY id DESC LIMIT 1";
  query, soci::use(model);
  into(query, row);
  soci::statement statement(query);
  if (!statement.execute(true)) return std::nullopt;
  return row;
}

}  // namespace

Result<Rate> SqlDatabase::ensure_rate(const Rate& rate) {
  if (rate.model.empty()) return fail(ErrorCode::kInvalidRequest, "A price needs a model.");
  if (std::min({rate.input, rate.output, rate.cache_read, rate.cache_write}) < Money{}) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("The price of {} must not be negative.", rate.model));
  }
  return sessions_->write([&](soci::session& sql) -> Result<Rate> {
    if (std::optional<Rate> known = latest(sql, rate.model); known && same_price(*known, rate)) {
      return *known;
    }
    const int64_t valid_from = unix_ms();
    sql << "INSERT INTO model_rates (model, input, output, cache_read, cache_write, valid_from)"
           " VALUES (:model, :input, :output, :read, :write, :from)",
        soci::use(rate.model), soci::use(rate.input.nanos), soci::use(rate.output.nanos),
        soci::use(rate.cache_read.nanos), soci::use(rate.cache_write.nanos), soci::use(valid_from);
    return *latest(sql, rate.model);
  });
}

Result<std::vector<Rate>> SqlDatabase::rates() {
  return sessions_->read([](soci::session& sql) -> Result<std::vector<Rate>> {
    std::vector<Rate> all;
    Rate row;
    soci::details::prepare_temp_type query = sql.prepare << kColumns << " ORDER BY id";
    into(query, row);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) all.push_back(row);
    return all;
  });
}

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
