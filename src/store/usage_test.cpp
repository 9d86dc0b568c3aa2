#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using ::testing::ElementsAre;
using testing::must_open;
using testing::settle_now;
using testing::settlement;
using testing::TestPlace;

class Usage : public ::testing::TestWithParam<Server> {
 protected:
  std::vector<std::string> ids(const Database::UsageFilter& filter) {
    std::vector<std::string> out;
    for (const Settlement& row : database_->usage(filter).value()) out.push_back(row.id);
    return out;
  }

  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
};

TEST_P(Usage, EverythingOfASettlementIsKept) {
  Settlement in = settlement("use_1", 5'000'000'001, 0);
  in.user_id = 7;
  in.worker = "gpu-1";
  in.reported = TokenCounts{
      .input = 1, .cache_read = 2, .cache_write = 3, .output = 4, .reasoning = 5'000'000'005};
  settle_now(*database_, in);
  const Settlement out = database_->usage_row("use_1").value().value();
  EXPECT_EQ(out.request_id, in.request_id);
  EXPECT_EQ(out.key_id, in.key_id);
  EXPECT_EQ(out.user_id, in.user_id);
  EXPECT_EQ(out.key_name, in.key_name);
  EXPECT_EQ(out.dialect, in.dialect);
  EXPECT_EQ(out.requested_model, in.requested_model);
  EXPECT_EQ(out.upstream_model, in.upstream_model);
  EXPECT_EQ(out.provider, in.provider);
  EXPECT_EQ(out.worker, in.worker);
  EXPECT_EQ(out.attempts, in.attempts);
  EXPECT_EQ(out.charged, in.charged);
  EXPECT_EQ(out.counted_input, in.counted_input);
  EXPECT_EQ(out.counted_output, in.counted_output);
  EXPECT_EQ(out.reported, in.reported);
  EXPECT_EQ(out.basis, in.basis);
  EXPECT_EQ(out.cost, in.cost);
  EXPECT_EQ(out.outcome, in.outcome);
  EXPECT_EQ(out.status, in.status);
  EXPECT_EQ(out.stream, in.stream);
  EXPECT_EQ(out.ttft_us, in.ttft_us);
  EXPECT_EQ(out.duration_us, in.duration_us);
  EXPECT_EQ(out.started_at, in.started_at);
  EXPECT_EQ(out.decision, in.decision);
  EXPECT_FALSE(database_->usage_row("use_2").value());
}

TEST_P(Usage, WithoutAReportThereIsNone) {
  Settlement with = settlement("a");
  Settlement without = settlement("b");
  without.reported.reset();
  without.started_at -= 1;
  settle_now(*database_, with);
  settle_now(*database_, without);
  const auto rows = database_->usage({}).value();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_TRUE(rows[0].reported);
  EXPECT_FALSE(rows[1].reported);
}

TEST_P(Usage, PagesCoverEveryRowOnceNewestFirst) {
  for (int i = 0; i < 10; ++i) {
    Settlement one = settlement(fmt::format("use_{}", i));
    one.started_at += i / 3;  // several at the same millisecond
    settle_now(*database_, one);
  }
  std::vector<std::string> seen;
  Database::UsageFilter filter;
  filter.limit = 4;
  for (;;) {
    const std::vector<std::string> page = ids(filter);
    if (page.empty()) break;
    seen.insert(seen.end(), page.begin(), page.end());
    filter.before_id = page.back();
  }
  EXPECT_THAT(seen, ElementsAre("use_9", "use_8", "use_7", "use_6", "use_5", "use_4", "use_3",
                                "use_2", "use_1", "use_0"));
  filter.before_id = "unknown";
  EXPECT_EQ(database_->usage(filter).error().code, ErrorCode::kInvalidRequest);
}

TEST_P(Usage, FiltersTakeWhatTheyAreGivenLiterally) {
  const int64_t alice = database_->ensure_wallet("alice").value().user_id;
  Settlement one = settlement("one");
  one.user_id = alice;
  one.key_name = "k1";
  one.requested_model = "alias";
  one.provider = "azure";
  Settlement two = settlement("two");
  two.started_at += 1000;
  settle_now(*database_, one);
  settle_now(*database_, two);
  EXPECT_THAT(ids({.key_name = "k1"}), ElementsAre("one"));
  EXPECT_THAT(ids({.user = "alice"}), ElementsAre("one"));
  EXPECT_THAT(ids({.model = "alias"}), ElementsAre("one"));
  // Not what an upstream calls it: sums are by what was asked for.
  EXPECT_THAT(ids({.model = "gpt-4o-2024-08-06"}), ElementsAre());
  EXPECT_THAT(ids({.user_id = alice}), ElementsAre("one"));
  EXPECT_THAT(ids({.user_id = alice + 1}), ElementsAre());
  EXPECT_EQ(database_->usage({.user_id = alice, .before_id = "two"}).error().code,
            ErrorCode::kInvalidRequest);
  EXPECT_THAT(ids({.provider = "azure"}), ElementsAre("one"));
  EXPECT_THAT(ids({.from = two.started_at}), ElementsAre("two"));
  EXPECT_THAT(ids({.to = two.started_at}), ElementsAre("one"));
  EXPECT_THAT(ids({.key_name = "k1", .user = "alice", .model = "alias", .provider = "azure"}),
              ElementsAre("one"));
  EXPECT_THAT(ids({.key_name = "%"}), ElementsAre());
  EXPECT_THAT(ids({.model = "gpt_4o"}), ElementsAre());
  EXPECT_THAT(ids({.provider = "' OR 1=1 --"}), ElementsAre());
}

INSTANTIATE_TEST_SUITE_P(Databases, Usage, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
