#include <gtest/gtest.h>

#include "base/calendar.hpp"
#include "store/spent_sums.hpp"
#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::must_open;
using testing::TestPlace;

class KeysTest : public ::testing::TestWithParam<Server> {
 protected:
  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
};

Key full_key(int64_t user_id) {
  Key key = testing::key("full", user_id);
  key.quota_tokens = 5'000'000'000;  // beyond 32 bits
  key.rpm = 60;
  key.tpm = 100'000;
  key.max_parallel = 4;
  key.models = {"gpt-*", "with \"quotes\""};
  key.allow_ips = {"10.0.0.0/8"};
  key.expires_at = 4'102'444'800;
  key.enabled = false;
  key.quota_money = Money{5'000'000'000'000};
  key.budget_day = Money{1};
  key.budget_week = Money{2};
  key.budget_month = Money{};
  key.mode = "strict";
  return key;
}

TEST_P(KeysTest, EverythingOfAKeyIsKept) {
  const int64_t user = database_->ensure_wallet("alice").value().user_id;
  const Key made = database_->create_key(full_key(user)).value();
  const Key key = database_->keys().value().at(0);
  EXPECT_EQ(key.id, made.id);
  EXPECT_EQ(key.digest, full_key(user).digest);
  EXPECT_EQ(key.prefix, "sk-tes");
  EXPECT_EQ(key.name, "full");
  EXPECT_EQ(key.user_id, user);
  EXPECT_FALSE(key.configured);
  EXPECT_FALSE(key.enabled);
  EXPECT_EQ(key.quota_tokens, 5'000'000'000);
  EXPECT_EQ(key.used_tokens, 0);
  EXPECT_EQ(key.rpm, 60);
  EXPECT_EQ(key.tpm, 100'000);
  EXPECT_EQ(key.max_parallel, 4);
  EXPECT_EQ(key.models, full_key(user).models);
  EXPECT_EQ(key.allow_ips, full_key(user).allow_ips);
  EXPECT_EQ(key.expires_at, 4'102'444'800);
  EXPECT_GT(key.created_at, 0);
  EXPECT_EQ(key.quota_money, Money{5'000'000'000'000});
  EXPECT_EQ(key.used_money, Money{});
  EXPECT_EQ(key.budget_day, Money{1});
  EXPECT_EQ(key.budget_week, Money{2});
  EXPECT_EQ(key.budget_month, Money{});
  EXPECT_EQ(key.mode, "strict");
  EXPECT_EQ(key.replaces_id, 0);
  EXPECT_EQ(key.last_used_at, std::nullopt);
  EXPECT_EQ(key.version, 1);
}

TEST_P(KeysTest, WhatAKeyDoesNotHaveStaysAbsent) {
  database_->create_key(testing::key("bare")).value();
  // A key with everything first: nothing of it may remain in the row that follows.
  database_->create_key(full_key(database_->ensure_wallet("alice").value().user_id)).value();
  database_->create_key(testing::key("bare2")).value();
  for (const size_t i : {0u, 2u}) {
    const Key key = database_->keys().value().at(i);
    EXPECT_EQ(key.user_id, 0);
    EXPECT_FALSE(key.quota_tokens);
    EXPECT_FALSE(key.expires_at);
    EXPECT_FALSE(key.quota_money || key.budget_day || key.budget_week || key.budget_month);
    EXPECT_TRUE(key.models.empty());
    EXPECT_TRUE(key.allow_ips.empty());
    EXPECT_TRUE(key.enabled);
  }
}

TEST_P(KeysTest, AConfiguredKeyTakesNewLimitsAndKeepsWhatItUsed) {
  Key key = testing::key("demo");
  key.quota_tokens = 1000;
  const int64_t id = database_->ensure_configured_key(key).value().id;
  testing::settle_now(*database_, testing::settlement("use_1", id));
  key.name = "renamed";
  key.quota_tokens = 2000;
  key.rpm = 9;
  const Key now = database_->ensure_configured_key(key).value();
  EXPECT_EQ(now.id, id);
  EXPECT_TRUE(now.configured);
  EXPECT_EQ(now.name, "renamed");
  EXPECT_EQ(now.quota_tokens, 2000);
  EXPECT_EQ(now.rpm, 9);
  EXPECT_EQ(now.used_tokens, 163);
  EXPECT_EQ(database_->keys().value().size(), 1u);
}

TEST_P(KeysTest, ADigestIsUnique) {
  database_->create_key(testing::key("demo")).value();
  EXPECT_EQ(database_->create_key(testing::key("demo")).error().code, ErrorCode::kInvalidRequest);
  Key key = testing::key("odd");
  key.digest = "short";
  EXPECT_FALSE(database_->create_key(key));
  key = testing::key("odd");
  key.rpm = -1;
  EXPECT_EQ(database_->create_key(key).error().code, ErrorCode::kInvalidRequest);
}

TEST_P(KeysTest, ADeletedKeyLeavesItsUsageAndItsIdIsNotGivenAgain) {
  const int64_t id = database_->create_key(testing::key("gone")).value().id;
  testing::settle_now(*database_, testing::settlement("use_1", id));
  EXPECT_TRUE(database_->delete_key(id));
  EXPECT_EQ(database_->delete_key(id).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(database_->keys().value().empty());
  EXPECT_GT(database_->create_key(testing::key("gone")).value().id, id);
  EXPECT_TRUE(database_->usage_row("use_1").value());
  EXPECT_TRUE(database_->verify().value().empty());
  // A request that ran when its key was deleted is settled all the same.
  testing::settle_now(*database_, testing::settlement("use_2", id));
  EXPECT_TRUE(database_->usage_row("use_2").value());
}

TEST_P(KeysTest, AnOwnerHasANameOnceAndSoManyKeysAtMost) {
  const int64_t alice = database_->ensure_wallet("alice").value().user_id;
  const int64_t bob = database_->ensure_wallet("bob").value().user_id;
  Keys& keys = database_->api_keys();
  ASSERT_TRUE(keys.add(testing::key("laptop", alice), 2));
  Key again = testing::key("other", alice);
  again.name = "laptop";
  EXPECT_EQ(keys.add(again, 2).error().code, ErrorCode::kConflict);
  again.user_id = bob;
  EXPECT_TRUE(keys.add(again, 2));
  EXPECT_TRUE(keys.add(testing::key("second", alice), 2));
  EXPECT_EQ(keys.add(testing::key("third", alice), 2).error().code, ErrorCode::kInvalidRequest);
  // Nobody's keys are as many as administrators make.
  EXPECT_TRUE(keys.add(testing::key("free"), 0));
  EXPECT_EQ(keys.add(testing::key("free"), 0).error().code, ErrorCode::kConflict);
}

TEST_P(KeysTest, PagesFollowEachOther) {
  const int64_t alice = database_->ensure_wallet("alice").value().user_id;
  Keys& keys = database_->api_keys();
  std::vector<int64_t> own;
  for (int i = 0; i < 5; ++i) {
    own.push_back(keys.add(testing::key("own" + std::to_string(i), alice), 100).value().id);
    keys.add(testing::key("free" + std::to_string(i)), 100).value();
  }
  std::vector<int64_t> found;
  while (true) {
    const auto page =
        keys.page({.user_id = alice, .after = found.empty() ? 0 : found.back(), .limit = 2});
    ASSERT_TRUE(page);
    if (page->empty()) break;
    ASSERT_LE(page->size(), 2U);
    for (const Key& each : *page) found.push_back(each.id);
  }
  EXPECT_EQ(found, own);
  EXPECT_EQ(keys.page({.limit = 100}).value().size(), 10U);
  EXPECT_EQ(keys.page({.user_id = 0, .limit = 100}).value().size(), 5U);
}

TEST_P(KeysTest, AChangeNeedsTheVersionThatIsThere) {
  const int64_t alice = database_->ensure_wallet("alice").value().user_id;
  Keys& keys = database_->api_keys();
  Key key = keys.add(testing::key("demo", alice), 100).value();
  keys.add(testing::key("other", alice), 100).value();
  key.enabled = false;
  key.budget_week = Money{7};
  key.name = "renamed";
  const Key changed = keys.change(key).value();
  EXPECT_EQ(changed.version, 2);
  EXPECT_FALSE(changed.enabled);
  EXPECT_EQ(changed.budget_week, Money{7});
  EXPECT_EQ(changed.name, "renamed");
  EXPECT_EQ(keys.change(key).error().code, ErrorCode::kPreconditionFailed);
  key.version = 2;
  key.name = "other";
  EXPECT_EQ(keys.change(key).error().code, ErrorCode::kConflict);
  key.id = 999;
  EXPECT_EQ(keys.change(key).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(keys.key(changed.id).value()->name, "renamed");
  EXPECT_EQ(keys.key(999).value(), std::nullopt);
}

TEST_P(KeysTest, AReplacedKeyWorksUntilItExpires) {
  const int64_t alice = database_->ensure_wallet("alice").value().user_id;
  Keys& keys = database_->api_keys();
  const Key old = keys.add(testing::key("demo", alice), 100).value();
  Key fresh = testing::key("fresh", alice);
  fresh.name = "demo";
  const Keys::Replaced done = keys.replace(old, 5000, fresh, 100).value();
  EXPECT_EQ(done.old.expires_at, 5000);
  EXPECT_EQ(done.fresh.replaces_id, old.id);
  EXPECT_EQ(done.fresh.expires_at, std::nullopt);
  EXPECT_EQ(keys.replace(old, 6000, testing::key("x", alice), 100).error().code,
            ErrorCode::kPreconditionFailed);
  // An expiry that comes earlier stays.
  EXPECT_EQ(keys.replace(done.old, 6000, testing::key("x", alice), 100).value().old.expires_at,
            5000);
}

TEST_P(KeysTest, WhatAKeySpendsIsKeptByDayWeekAndMonth) {
  constexpr int64_t kDay = 86'400'000;
  constexpr int64_t kFriday = 1'801'180'800'000;  // 2027-01-29
  using Sums = std::vector<int64_t>;
  const Key key = database_->create_key(testing::key("demo")).value();
  int made = 0;
  Spent kept;
  const auto spend = [&](int64_t at, int64_t nanos) {
    Settlement what = testing::settlement("use_" + std::to_string(++made), key.id);
    what.started_at = at;
    what.cost = Money{nanos};
    testing::settle_now(*database_, what);
    const Key now = *database_->api_keys().key(key.id).value();
    add_spent(kept, day_of(at), nanos);
    EXPECT_EQ(
        (Sums{now.spent.on, now.spent.day.nanos, now.spent.week.nanos, now.spent.month.nanos}),
        (Sums{kept.on, kept.day.nanos, kept.week.nanos, kept.month.nanos}))
        << "a gateway follows the books by add_spent()";
    return std::vector<int64_t>{now.used_money.nanos, now.spent.day.nanos, now.spent.week.nanos,
                                now.spent.month.nanos};
  };
  EXPECT_EQ(spend(kFriday, 1), (Sums{1, 1, 1, 1}));
  EXPECT_EQ(spend(kFriday + kDay - 1, 10), (Sums{11, 11, 11, 11}));
  EXPECT_EQ(spend(kFriday + kDay, 100), (Sums{111, 100, 111, 111}));
  // A row that comes late counts where it belongs.
  EXPECT_EQ(spend(kFriday, 1000), (Sums{1111, 100, 1111, 1111}));
  EXPECT_EQ(spend(kFriday + 3 * kDay, 5), (Sums{1116, 5, 5, 5}));  // Monday, and February
  EXPECT_EQ(spend(kFriday, 20), (Sums{1136, 5, 5, 5}));
  EXPECT_EQ(database_->api_keys().key(key.id).value()->spent.on, day_of(kFriday) + 3);
}

TEST_P(KeysTest, NotesWhenKeysWereUsed) {
  const int64_t first = database_->create_key(testing::key("first")).value().id;
  const int64_t second = database_->create_key(testing::key("second")).value().id;
  const Keys::Used used[] = {{first, 1000}, {999, 5}, {second, 2000}};
  ASSERT_TRUE(database_->api_keys().note_used(used));
  EXPECT_EQ(database_->api_keys().key(first).value()->last_used_at, 1000);
  EXPECT_EQ(database_->api_keys().key(second).value()->last_used_at, 2000);
  // That is no change that anybody must know of.
  EXPECT_EQ(database_->api_keys().key(first).value()->version, 1);
}

TEST_P(KeysTest, TellsWhoseKeysAreWorthNothing) {
  EXPECT_TRUE(database_->api_keys().disabled_users().value().empty());
  User user;
  user.name = "alice";
  const User made = database_->identities().add_user(user).value();
  EXPECT_EQ(database_->api_keys().wallet_of(made.id).value()->user, "alice");
  EXPECT_EQ(database_->api_keys().wallet_of(999).value(), std::nullopt);
  User changed = made;
  changed.disabled = true;
  ASSERT_TRUE(database_->identities().change_user(changed));
  EXPECT_EQ(database_->api_keys().disabled_users().value(), std::vector<int64_t>{made.id});
}

INSTANTIATE_TEST_SUITE_P(Databases, KeysTest, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
