#include "store/rollups.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::AnyShell;
using ::testing::IsEmpty;
using testing::must_open;
using testing::settle_now;
using testing::settlement;
using testing::Tally;
using testing::TestPlace;
using By = Database::UsageBy;

constexpr int64_t kMorning = 1'767'225'600'000;  // 2026-01-01
constexpr int64_t kMinute = 60'000;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

class RollupsTest : public ::testing::TestWithParam<Server> {
 protected:
  Settlement row(const std::string& id, int64_t at) {
    Settlement one = settlement(id);
    one.started_at = at;
    one.upstream_cost = Money{1000};
    return one;
  }
  void settle(Settlement one) {
    database_->ledger().settle(std::move(one), done_.adder());
    done_.wait_for(++settled_);
  }
  /// Waits for what a server has not seen yet, too.
  void roll_up_all() {
    database_->wallets().value();
    while (database_->rollups().roll_up().value()) continue;
  }
  std::map<std::string, int64_t> requests(By by, const Database::UsageFilter& filter,
                                          const TimeZone& zone = {}) {
    std::map<std::string, int64_t> out;
    for (const auto& sum : database_->usage_summary({{by}}, filter, zone).value()) {
      out[sum.groups.at(0)] = sum.requests;
    }
    return out;
  }
  using Groups = std::map<std::string, int64_t>;

  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
  Tally done_;
  size_t settled_ = 0;
};

TEST_P(RollupsTest, SumsAreTheSameBeforeAndAfterRowsAreRolledUp) {
  const int64_t alice = database_->ensure_wallet("alice").value().user_id;
  const int64_t bob = database_->ensure_wallet("bob").value().user_id;
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    Settlement one = row(fmt::format("use_{:03}", i),
                         kMorning + static_cast<int64_t>(random() % (5 * 86'400'000ULL)) -
                             (i % 4 == 0 ? i * 8 * kDay : 0));  // some years ago
    one.user_id = i % 5 == 0 ? 0 : i % 2 == 0 ? alice : bob;
    one.key_name = fmt::format("key{}", i % 3);
    one.requested_model = fmt::format("model{}", i % 4);
    one.provider = fmt::format("provider{}", i % 2);
    one.charged.input = 5'000'000'000 + i;
    one.cost = Money{1 + i};
    one.outcome = i % 7 == 0 ? "cut" : "finished";
    settle(std::move(one));
  }
  const Database::UsageFilter filters[] = {
      {},
      {.user = "alice"},
      {.key_name = "key1"},
      {.model = "model2"},
      {.provider = "provider1", .user_id = bob},
      {.key_name = "key1", .model = "model2"},
      {.key_name = "key2", .user_id = alice},
      {.from = kMorning + kDay + 7 * kMinute + 13, .to = kMorning + 4 * kDay - 22 * kMinute},
      {.from = kMorning + kDay + kHour, .to = kMorning + kDay + kHour + 10 * kMinute},
      {.user = "alice", .from = kMorning + kDay, .to = kMorning + 2 * kDay},
      {.from = kMorning - 1500 * kDay + kHour, .to = kMorning - 35 * kDay + 3 * kMinute},
      {.user = "nobody"},
  };
  const std::vector<By> groups[] = {
      {By::kDay},
      {By::kModel},
      {By::kKey},
      {By::kUser},
      {By::kProvider},
      {By::kDay, By::kModel},
      {By::kDay, By::kUser},
      {By::kModel, By::kUser},
      {By::kDay, By::kProvider, By::kKey},
      {By::kUser, By::kKey, By::kProvider},
  };
  const TimeZone zones[] = {{},
                            TimeZone::load("Asia/Kathmandu").value(),
                            TimeZone::load("America/St_Johns").value(),
                            TimeZone::load("Pacific/Kiritimati").value()};
  const auto all_sums = [&] {
    std::vector<std::string> sums;
    for (const auto& filter : filters) {
      for (const auto& by : groups) {
        for (const TimeZone& zone : zones) {
          std::string text;
          for (const auto& sum : database_->usage_summary(by, filter, zone).value()) {
            for (const std::string& group : sum.groups) text += group + "/";
            text += fmt::format("{} {} {} {} {} {} {} {} {}\n", sum.requests, sum.failed,
                                sum.tokens.input, sum.tokens.cache_read, sum.tokens.cache_write,
                                sum.tokens.output, sum.tokens.reasoning, sum.cost.nanos,
                                sum.upstream_cost.nanos);
          }
          sums.push_back(std::move(text));
        }
      }
    }
    return sums;
  };
  const auto before = all_sums();
  EXPECT_EQ(requests(By::kUser, {}), (Groups{{"", 40}, {"alice", 80}, {"bob", 80}}));
  EXPECT_EQ(requests(By::kModel, {.user = "nobody"}), Groups{});
  roll_up_all();
  EXPECT_EQ(all_sums(), before);
  roll_up_all();
  EXPECT_EQ(all_sums(), before);
  settle(row("late", kMorning));
  EXPECT_EQ(requests(By::kUser, {}).at(""), 41);
}

TEST_P(RollupsTest, ADayIsTheZonesOwn) {
  const TimeZone berlin = TimeZone::load("Europe/Berlin").value();
  const int64_t spring = 1'774'738'800'000;  // 2026-03-28 23:00 UTC, midnight there
  // The day has 23 hours.
  settle(row("a", spring - 1));
  settle(row("b", spring));
  settle(row("c", spring + 23 * kHour - 1));
  settle(row("d", spring + 23 * kHour));
  const Groups expected = {{"2026-03-28", 1}, {"2026-03-29", 2}, {"2026-03-30", 1}};
  EXPECT_EQ(requests(By::kDay, {}, berlin), expected);
  roll_up_all();
  EXPECT_EQ(requests(By::kDay, {}, berlin), expected);
  EXPECT_EQ(requests(By::kDay, {}), (Groups{{"2026-03-28", 2}, {"2026-03-29", 2}}));
}

TEST_P(RollupsTest, SumsStayWhenRowsArePurged) {
  const Wallet wallet = database_->ensure_wallet("alice").value();
  const int64_t key = database_->create_key(testing::key("demo", wallet.user_id)).value().id;
  for (int i = 0; i < 20; ++i) {
    Settlement one = row(fmt::format("use_{:02}", i), kMorning + i * kDay);
    one.key_id = key;
    one.wallet_id = wallet.id;
    one.user_id = wallet.user_id;
    settle(std::move(one));
  }
  // What is not in the sums yet stays.
  database_->wallets().value();
  EXPECT_EQ(database_->rollups().purge(INT64_MAX).value(), 0u);
  roll_up_all();
  const auto before = requests(By::kDay, {});
  EXPECT_EQ(before.size(), 20u);
  EXPECT_EQ(database_->rollups().purge(kMorning + 10 * kDay).value(), 10u);
  EXPECT_EQ(database_->rollups().purge(kMorning + 10 * kDay).value(), 0u);
  EXPECT_EQ(database_->usage({}).value().size(), 10u);
  EXPECT_EQ(requests(By::kDay, {}), before);
  EXPECT_EQ(requests(By::kDay, {.user = "alice", .from = kMorning, .to = kMorning + 2 * kDay}),
            (Groups{{"2026-01-01", 1}, {"2026-01-02", 1}}));
  // The books are right without the rows, and know when one is missing that was not purged.
  EXPECT_THAT(database_->verify().value(), IsEmpty());
  AnyShell(folder_).run("DELETE FROM usage_logs WHERE id = 'use_15'");
  EXPECT_EQ(database_->verify().value().size(), 3u);
}

TEST_P(RollupsTest, RowsThatComeAfterAPurgeAreCounted) {
  for (int i = 0; i < 3; ++i) settle(row(fmt::format("use_{}", i), kMorning));
  roll_up_all();
  while (database_->rollups().purge(INT64_MAX).value() > 0) continue;
  EXPECT_LE(database_->usage({}).value().size(), 1u);
  for (int i = 3; i < 6; ++i) settle(row(fmt::format("use_{}", i), kMorning));
  EXPECT_EQ(requests(By::kDay, {}), (Groups{{"2026-01-01", 6}}));
  roll_up_all();
  EXPECT_EQ(requests(By::kDay, {}), (Groups{{"2026-01-01", 6}}));
}

TEST_P(RollupsTest, EachRowCountsOnceWhileTheyComeAndOthersSumUp) {
  constexpr size_t kRows = 1500;
  std::atomic<bool> all_in = false;
  const auto sum_up = [&] {
    while (!all_in) database_->rollups().roll_up().value();
  };
  std::thread one(sum_up);
  std::thread other(sum_up);
  for (size_t i = 0; i < kRows; ++i) {
    database_->ledger().settle(row(fmt::format("use_{}", i), kMorning + static_cast<int64_t>(i)),
                               done_.adder());
  }
  done_.wait_for(kRows);
  all_in = true;
  one.join();
  other.join();
  EXPECT_EQ(requests(By::kDay, {}), (Groups{{"2026-01-01", kRows}}));
  roll_up_all();
  EXPECT_EQ(requests(By::kDay, {}), (Groups{{"2026-01-01", kRows}}));
  EXPECT_EQ(requests(By::kModel, {}), (Groups{{"gpt-4o", kRows}}));
}

TEST_P(RollupsTest, NoGroupsAreNoSummary) {
  std::vector<By> nothing;
  EXPECT_EQ(database_->usage_summary(nothing, {}).error().code, ErrorCode::kInvalidRequest);
}

TEST_P(RollupsTest, TooManyGroupsAreNotHalfAnAnswer) {
  // As many keys as are told, and one more; each has its sums by the day, by 32 and by 384 days.
  const auto add_keys = [&](int64_t first, int64_t count) {
    const std::string digits =
        "(SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL"
        " SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8"
        " UNION ALL SELECT 9)";
    const char* name = GetParam() == Server::kMysql ? "CONCAT('key', n)" : "'key' || n";
    for (const int64_t span : {kDay, 32 * kDay, 384 * kDay}) {
      AnyShell(folder_).run(fmt::format(
          "INSERT INTO usage_rollups (span, kind, bucket, user_id, key_name, model, provider,"
          " requests, failed, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,"
          " reasoning_tokens, cost, upstream_cost) SELECT {0}, 7, {1}, n, {5}, '', '',"
          " 1, 0, 0, 0, 0, 0, 0, 0, 0 FROM (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + {2} AS"
          " n FROM {4} a CROSS JOIN {4} b CROSS JOIN {4} c CROSS JOIN {4} d) numbers"
          " WHERE n < {3}",
          span, kMorning - kMorning % span, first, first + count, digits, name));
    }
  };
  add_keys(0, 10'000);
  EXPECT_EQ(database_->usage_summary({{By::kKey}}, {}).value().size(), 10'000u);
  add_keys(10'000, 1);
  EXPECT_EQ(database_->usage_summary({{By::kKey}}, {}).error().param, "group_by");
  const By by_day[] = {By::kDay, By::kKey};
  EXPECT_EQ(database_->usage_summary(by_day, {}).error().param, "group_by");
}

INSTANTIATE_TEST_SUITE_P(Databases, RollupsTest, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
