#include "store/prices.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.hpp"
#include "store/sql_prices.hpp"

namespace sluice::store {
namespace {

constexpr int kMostVersions = 1001;

bool same_price(const Rate& a, const Rate& b) {
  return a.input == b.input && a.output == b.output && a.cache_read == b.cache_read &&
         a.cache_write == b.cache_write;
}

bool is_configured(const Rate& rate) {
  return !rate.withdrawn && rate.created_by == Rate::kConfigured;
}

constexpr const char* kColumns =
    "SELECT r.id, r.scope, r.model, r.created_by, r.withdrawn, r.input, r.output, r.cache_read,"
    " r.cache_write, r.valid_from FROM model_rates r";

struct RateRow {
  Rate rate;
  int withdrawn = 0;

  void into(soci::details::prepare_temp_type& query) {
    query, soci::into(rate.id), soci::into(rate.scope), soci::into(rate.model),
        soci::into(rate.created_by), soci::into(withdrawn), soci::into(rate.input.nanos),
        soci::into(rate.output.nanos), soci::into(rate.cache_read.nanos),
        soci::into(rate.cache_write.nanos), soci::into(rate.valid_from);
  }
  Rate fetched() const {
    Rate out = rate;
    out.withdrawn = withdrawn != 0;
    return out;
  }
};

std::vector<Rate> fetch_all(soci::details::prepare_temp_type& query) {
  std::vector<Rate> all;
  RateRow row;
  row.into(query);
  soci::statement statement(query);
  statement.execute();
  while (statement.fetch()) all.push_back(row.fetched());
  return all;
}

std::optional<Rate> latest(soci::session& sql, const std::string& scope, const std::string& model) {
  soci::details::prepare_temp_type query =
      sql.prepare << kColumns
                  << " WHERE r.scope = :scope AND r.model = :model ORDER BY r.id DESC LIMIT 1";
  query, soci::use(scope), soci::use(model);
  const std::vector<Rate> found = fetch_all(query);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

void insert(soci::session& sql, const Rate& rate) {
  const int64_t valid_from = wall_nanos() / 1'000'000;
  const int withdrawn = rate.withdrawn ? 1 : 0;
  sql << "INSERT INTO model_rates (scope, model, created_by, withdrawn, input, output, cache_read,"
         " cache_write, valid_from)"
         " VALUES (:scope, :model, :by, :withdrawn, :input, :output, :read, :write, :from)",
      soci::use(rate.scope), soci::use(rate.model), soci::use(rate.created_by),
      soci::use(withdrawn), soci::use(rate.input.nanos), soci::use(rate.output.nanos),
      soci::use(rate.cache_read.nanos), soci::use(rate.cache_write.nanos), soci::use(valid_from);
}

std::unexpected<Error> stands_in_configuration(const std::string& model) {
  return fail(
      ErrorCode::kConflict,
      fmt::format("The price of {} stands in the configuration file: change it there.", model),
      "model");
}

}  // namespace

Result<Rate> SqlPrices::set(const Rate& rate) {
  if (rate.model.empty()) return fail(ErrorCode::kInvalidRequest, "A price needs a model.");
  if (std::min({rate.input, rate.output, rate.cache_read, rate.cache_write}) < Money{}) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("The price of {} must not be negative.", rate.model));
  }
  return sessions_.write([&](soci::session& sql) -> Result<Rate> {
    const std::optional<Rate> known = latest(sql, rate.scope, rate.model);
    if (known && is_configured(*known) && !is_configured(rate)) {
      return stands_in_configuration(rate.model);
    }
    if (known && !known->withdrawn && same_price(*known, rate) &&
        is_configured(*known) == is_configured(rate)) {
      return *known;
    }
    insert(sql, rate);
    return *latest(sql, rate.scope, rate.model);
  });
}

Status SqlPrices::withdraw(std::string_view scope, std::string_view model, std::string_view by) {
  const std::string scope_text(scope);
  const std::string model_text(model);
  return sessions_.write([&](soci::session& sql) -> Status {
    std::optional<Rate> known = latest(sql, scope_text, model_text);
    if (!known || known->withdrawn) return fail(ErrorCode::kNotFound, "There is no such price.");
    if (is_configured(*known) && by != Rate::kConfigured) {
      return stands_in_configuration(model_text);
    }
    known->withdrawn = true;
    known->created_by = by;
    insert(sql, *known);
    return {};
  });
}

Result<std::vector<Rate>> SqlPrices::in_force() {
  return sessions_.read([](soci::session& sql) -> Result<std::vector<Rate>> {
    soci::details::prepare_temp_type query =
        sql.prepare << kColumns
                    << " JOIN (SELECT MAX(id) AS id FROM model_rates GROUP BY scope, model) l"
                       " ON l.id = r.id WHERE r.withdrawn = 0 ORDER BY r.scope, r.model";
    return fetch_all(query);
  });
}

Result<std::vector<Rate>> SqlPrices::versions(std::string_view model, int64_t before, int limit) {
  const std::string wanted(model);
  const int64_t last = before == 0 ? INT64_MAX : before;
  const int most = std::clamp(limit, 1, kMostVersions);
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Rate>> {
    soci::details::prepare_temp_type query = sql.prepare
                                             << kColumns << " WHERE r.id < :last"
                                             << (wanted.empty() ? "" : " AND r.model = :model")
                                             << " ORDER BY r.id DESC LIMIT :most";
    query, soci::use(last);
    if (!wanted.empty()) query, soci::use(wanted);
    query, soci::use(most);
    return fetch_all(query);
  });
}

Result<std::optional<Rate>> SqlPrices::version(int64_t id) {
  return sessions_.read([&](soci::session& sql) -> Result<std::optional<Rate>> {
    soci::details::prepare_temp_type query = sql.prepare << kColumns << " WHERE r.id = :id";
    query, soci::use(id);
    const std::vector<Rate> found = fetch_all(query);
    return found.empty() ? std::nullopt : std::optional(found.front());
  });
}

Result<std::vector<std::pair<int64_t, std::string>>> SqlPrices::groups() {
  return sessions_.read(
      [](soci::session& sql) -> Result<std::vector<std::pair<int64_t, std::string>>> {
        std::vector<std::pair<int64_t, std::string>> all;
        int64_t id = 0;
        std::string group;
        soci::statement statement =
            (sql.prepare << "SELECT id, price_group FROM users WHERE price_group <> '' ORDER BY id",
             soci::into(id), soci::into(group));
        statement.execute();
        while (statement.fetch()) all.emplace_back(id, group);
        return all;
      });
}

Result<std::string> SqlPrices::group_of(int64_t user_id) {
  return sessions_.read([&](soci::session& sql) -> Result<std::string> {
    std::string group;
    sql << "SELECT price_group FROM users WHERE id = :id", soci::use(user_id), soci::into(group);
    return group;
  });
}

Result<std::vector<Prices::PricedUser>> SqlPrices::users_with_prices() {
  return sessions_.read([](soci::session& sql) -> Result<std::vector<PricedUser>> {
    std::vector<PricedUser> all;
    PricedUser row;
    soci::statement statement =
        (sql.prepare << "SELECT id, name, price_group FROM users WHERE price_group <> ''"
                        " OR name IN (SELECT SUBSTR(scope, 6) FROM model_rates"
                        " WHERE scope LIKE 'user:%') ORDER BY id",
         soci::into(row.id), soci::into(row.name), soci::into(row.group));
    statement.execute();
    while (statement.fetch()) all.push_back(row);
    return all;
  });
}

Status SqlPrices::set_group(std::string_view user, std::string_view group) {
  const std::string name(user);
  const std::string value(group);
  return sessions_.write([&](soci::session& sql) -> Status {
    int64_t id = 0;
    sql << "SELECT id FROM users WHERE name = :name", soci::use(name), soci::into(id);
    if (!sql.got_data()) return fail(ErrorCode::kNotFound, "There is no such user.");
    sql << "UPDATE users SET price_group = :value WHERE id = :id", soci::use(value), soci::use(id);
    return {};
  });
}

Result<std::pair<int64_t, int64_t>> SqlPrices::seqs_of(int64_t from, int64_t to) {
  return sessions_.read_long([&](soci::session& sql) -> Result<std::pair<int64_t, int64_t>> {
    std::pair<int64_t, int64_t> seqs;
    // Not the least by its own index, along which rows of a time are found late.
    sql << "SELECT COALESCE(MIN(seq + 0), 0), COALESCE(MAX(seq + 0), 0) FROM usage_logs"
           " WHERE started_at >= :from AND started_at < :to",
        soci::use(from), soci::use(to), soci::into(seqs.first), soci::into(seqs.second);
    return seqs;
  });
}

Result<std::vector<Prices::Used>> SqlPrices::used(int64_t first, int64_t last, int64_t from,
                                                  int64_t to, int limit) {
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<Used>> {
    std::vector<Used> all;
    Used row;
    soci::statement statement =
        (sql.prepare
             << "SELECT seq, requested_model, upstream_model, provider, user_id,"
                " input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, cost"
                " FROM usage_logs WHERE seq >= :first AND seq <= :last AND started_at + 0 >= :from"
                " AND started_at + 0 < :to ORDER BY seq LIMIT :limit",
         soci::use(first), soci::use(last), soci::use(from), soci::use(to), soci::use(limit),
         soci::into(row.seq), soci::into(row.model), soci::into(row.upstream_model),
         soci::into(row.provider), soci::into(row.user_id), soci::into(row.counts.input),
         soci::into(row.counts.cache_read), soci::into(row.counts.cache_write),
         soci::into(row.counts.output), soci::into(row.cost.nanos));
    statement.execute();
    while (statement.fetch()) all.push_back(row);
    return all;
  });
}

}  // namespace sluice::store
