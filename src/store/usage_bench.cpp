// Pages and sums over a million rows of usage: what an administrator and a user ask for. On
// PostgreSQL where SLUICE_BENCH_URL names an empty database, else on SQLite.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <random>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

constexpr int64_t kBegin = 1'767'225'600'000;  // 2026-01-01
constexpr int64_t kDays = 90;
constexpr int64_t kDayMs = 86'400'000;
constexpr int kUsers = 50;

int64_t rows() {
  const char* wanted = std::getenv("SLUICE_BENCH_ROWS");
  return wanted != nullptr ? std::atoll(wanted) : 1'000'000;
}

std::string server_url() {
  const char* url = std::getenv("SLUICE_BENCH_URL");
  return url != nullptr ? url : "";
}

/// Of every row its own sum almost: users, keys, models and providers without any pattern.
std::string fill(int64_t from, int64_t to, Server server) {
  const std::string mixed = "(n * 7919 + 12345)";
  const std::string series =
      server == Server::kSqlite
          ? fmt::format(
                "WITH RECURSIVE s(n) AS (SELECT {} UNION ALL SELECT n + 1 FROM s WHERE n <"
                " {}) ",
                from, to - 1)
          : fmt::format("WITH s AS (SELECT generate_series(CAST({} AS BIGINT), {}) AS n) ", from,
                        to - 1);
  return fmt::format(
      "{0} INSERT INTO usage_logs (id, request_id, key_id, user_id, wallet_id, key_name, dialect,"
      " requested_model, upstream_model, provider, worker, attempts, input_tokens,"
      " cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, counted_input,"
      " counted_output, basis, price_id, cost, outcome, status, stream, ttft_us, duration_us,"
      " started_at, decision, upstream_cost) SELECT 'use_' || CAST(1000000000 + n AS {1}), 'req',"
      " 0, 1 + {2} / 7 % {3}, 0, 'key' || CAST({2} / 7 % {3} * 2 + {2} / 3 % 2 AS {1}), 'openai', "
      "'model' ||"
      " CAST({2} / 11 % 10 AS {1}), 'upstream', 'provider' || CAST({2} / 13 % 4 AS {1}), '', 1,"
      " 1000, 0, 0, 300, 0, 1000, 300, 'reported', 1, 12345678, 'finished', 200, 1, 200000,"
      " 2000000, {4} + n * {5}, '{{\"rule\":\"default\",\"targets\":[]}}', 9000000 FROM s",
      series, "TEXT", mixed, kUsers, kBegin, kDays * kDayMs / rows());
}

struct Filled {
  Filled() {
    Options options = folder.options();
    if (!server_url().empty()) options.url = server_url();
    database = testing::must_open(options);
    for (int i = 0; i < kUsers; ++i) database->ensure_wallet(fmt::format("user{}", i)).value();
    for (int64_t n = 0; n < rows(); n += 100'000) {
      const int64_t end = std::min(rows(), n + 100'000);
      if (server_url().empty()) {
        testing::Shell(folder.database()).run(fill(n, end, Server::kSqlite));
      } else {
        testing::ServerShell(server_url()).run(fill(n, end, Server::kPostgresql));
      }
    }
    while (database->rollups().roll_up().value()) continue;
    if (!server_url().empty()) testing::ServerShell(server_url()).run("ANALYZE");
  }

  testing::TempFolder folder;
  std::unique_ptr<Database> database;
};

Database& filled() {
  static Filled all;
  return *all.database;
}

using By = Database::UsageBy;

void BM_Summary(benchmark::State& state, const std::vector<By>& by,
                const Database::UsageFilter& filter, const char* zone) {
  Database& database = filled();
  const TimeZone local = TimeZone::load(zone).value();
  size_t groups = 0;
  for (auto _ : state) groups = database.usage_summary(by, filter, local).value().size();
  state.counters["groups"] = static_cast<double>(groups);
}

/// `deep`: behind a row from the middle.
void BM_Page(benchmark::State& state, Database::UsageFilter filter, bool deep = false) {
  Database& database = filled();
  if (deep) {
    Database::UsageFilter earlier = filter;
    earlier.to = kBegin + kDays / 2 * kDayMs;
    earlier.limit = 1;
    filter.before_id = database.usage(earlier).value().at(0).id;
  }
  size_t found = 0;
  for (auto _ : state) found = database.usage(filter).value().size();
  state.counters["rows"] = static_cast<double>(found);
}

const Database::UsageFilter kAll;
const Database::UsageFilter kMonth{.from = kBegin + 30 * kDayMs + 7'200'000,
                                   .to = kBegin + 60 * kDayMs + 7'200'000};

#define SLUICE_SUMMARY(name, by, filter, zone)                          \
  BENCHMARK_CAPTURE(BM_Summary, name, std::vector<By> by, filter, zone) \
      ->Unit(benchmark::kMillisecond)                                   \
      ->MeasureProcessCPUTime()                                         \
      ->UseRealTime()

SLUICE_SUMMARY(all_by_day_utc, {By::kDay}, kAll, "");
SLUICE_SUMMARY(all_by_day_local, {By::kDay}, kAll, "Europe/Berlin");
SLUICE_SUMMARY(all_by_model, {By::kModel}, kAll, "");
SLUICE_SUMMARY(all_by_key, {By::kKey}, kAll, "");
SLUICE_SUMMARY(all_by_user, {By::kUser}, kAll, "");
SLUICE_SUMMARY(all_by_provider, {By::kProvider}, kAll, "");
SLUICE_SUMMARY(month_by_user, {By::kUser}, kMonth, "");
SLUICE_SUMMARY(month_by_key, {By::kKey}, kMonth, "");
SLUICE_SUMMARY(margin, (std::initializer_list<By>{By::kModel, By::kProvider}), kAll, "");
SLUICE_SUMMARY(margin_month, (std::initializer_list<By>{By::kModel, By::kProvider}), kMonth, "");
SLUICE_SUMMARY(user_by_day, {By::kDay}, Database::UsageFilter{.user_id = 7}, "Europe/Berlin");
SLUICE_SUMMARY(user_by_model, {By::kModel}, Database::UsageFilter{.user_id = 7}, "");
SLUICE_SUMMARY(user_model_by_day, {By::kDay},
               (Database::UsageFilter{.model = "model3", .user_id = 7}), "Europe/Berlin");
SLUICE_SUMMARY(key_by_day, {By::kDay}, Database::UsageFilter{.key_name = "key7"}, "Europe/Berlin");

#define SLUICE_PAGE(name, ...)                                        \
  BENCHMARK_CAPTURE(BM_Page, name, Database::UsageFilter __VA_ARGS__) \
      ->Unit(benchmark::kMillisecond)                                 \
      ->UseRealTime()

SLUICE_PAGE(newest, {});
SLUICE_PAGE(of_a_user, {.user_id = 7});
SLUICE_PAGE(of_a_key, {.key_name = "key7"});
SLUICE_PAGE(of_a_model, {.model = "model3"});
SLUICE_PAGE(of_nothing, {.provider = "nobody"});
SLUICE_PAGE(deep, {}, true);
SLUICE_PAGE(deep_of_a_user, {.user_id = 14}, true);
SLUICE_PAGE(a_thousand, {.limit = 1001});

}  // namespace
}  // namespace sluice::store
