// Keys that a team pays for, and what its members have spent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/calendar.hpp"
#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using ::testing::IsEmpty;
using testing::must_open;
using testing::settle_now;
using ::testing::SizeIs;
using testing::TestPlace;

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kMonday = 20'780;  // 2026-11-23

class TeamKeysTest : public ::testing::TestWithParam<Server> {
 protected:
  void SetUp() override {
    alice_ = database_->ensure_wallet("alice").value().user_id;
    bob_ = database_->ensure_wallet("bob").value().user_id;
    red_ = teams().add_team("red", alice_).value().id;
    join();
    database_->post("red", "top_up", Money{1'000'000}, "", "k", "root").value();
    wallet_ = database_->wallet("red").value().id;
  }
  Teams& teams() { return database_->teams(); }
  Keys& keys() { return database_->api_keys(); }
  void join() {
    Member member;
    member.user_id = bob_;
    member.budgets.day = Money{500};
    teams().add_member(red_, member, alice_).value();
  }
  Key add(const std::string& name, int64_t user, int64_t payer) {
    Key key = testing::key(name, user);
    key.payer_id = payer;
    return keys().add(key, 100).value();
  }
  Key read(int64_t id) { return keys().key(id).value().value(); }
  Member bob() { return teams().member(red_, bob_).value().value(); }
  /// A request of Bob's on this day that the wallet has paid for.
  void spend(int64_t wallet, int64_t nanos, int64_t day) {
    Settlement what = testing::settlement("use_" + std::to_string(++settled_), 1, wallet);
    what.user_id = bob_;
    what.cost = Money{nanos};
    what.started_at = day * kDayMs + 5;
    settle_now(*database_, std::move(what));
  }
  void reopen() {
    database_.reset();
    database_ = must_open(folder_.options());
  }

  template <typename T>
  static std::string code(const Result<T>& result) {
    return result ? "done" : std::string(to_string(result.error().code));
  }

  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
  int64_t alice_ = 0, bob_ = 0, red_ = 0, wallet_ = 0;
  int settled_ = 0;
};

TEST_P(TeamKeysTest, ATeamPaysForItsMembersAlone) {
  const Key made = add("ci", bob_, red_);
  EXPECT_EQ(made.payer_id, red_);
  EXPECT_EQ(made.payer, "red");
  EXPECT_FALSE(made.payer_gone);
  EXPECT_EQ(add("own", bob_, 0).payer, "");
  const int64_t eve = database_->ensure_wallet("eve").value().user_id;
  Key hers = testing::key("hers", eve);
  hers.payer_id = red_;
  EXPECT_EQ(code(keys().add(hers, 100)), "invalid_request");
  // Nor does another user, who is no team.
  hers.payer_id = bob_;
  EXPECT_EQ(code(keys().add(hers, 100)), "invalid_request");
  hers.payer_id = 0;
  Key changed = keys().add(hers, 100).value();
  changed.payer_id = red_;
  EXPECT_EQ(code(keys().change(changed)), "invalid_request");
  ASSERT_THAT(teams().paid_for().value(), SizeIs(1));
  EXPECT_EQ(teams().paid_for().value().front().budgets.day, Money{500});
  Key own = made;
  own.payer_id = 0;
  EXPECT_EQ(keys().change(own).value().payer_id, 0);
  EXPECT_THAT(teams().paid_for().value(), IsEmpty());
}

TEST_P(TeamKeysTest, WhoLeavesIsPaidForNoMore) {
  const Key made = add("ci", bob_, red_);
  const Key other = add("hers", alice_, red_);
  const int64_t membership = bob().id;
  const auto ended = teams().remove_member(red_, bob_, bob_).value();
  EXPECT_THAT(ended.memberships, ::testing::ElementsAre(membership));
  ASSERT_THAT(ended.keys, SizeIs(1));
  EXPECT_EQ(ended.keys[0].id, made.id);
  EXPECT_TRUE(ended.keys[0].payer_gone);
  EXPECT_EQ(ended.keys[0].version, made.version + 1);
  EXPECT_FALSE(read(other.id).payer_gone);

  // Other changes do not bring the payer back, nor does coming back.
  Key renamed = read(made.id);
  renamed.name = "later";
  EXPECT_TRUE(keys().change(renamed).value().payer_gone);
  join();
  EXPECT_TRUE(read(made.id).payer_gone);
  Key again = read(made.id);
  again.payer_gone = false;
  EXPECT_FALSE(keys().change(again).value().payer_gone);
  // What stands there of one who has left: a change that was read before is refused.
  const Key before = read(made.id);
  teams().remove_member(red_, bob_, alice_).value();
  EXPECT_EQ(code(keys().change(before)), "precondition_failed");
  const auto rotated =
      keys().replace(read(made.id), 4'102'444'800, testing::key("fresh", bob_), 100).value();
  EXPECT_TRUE(rotated.old.payer_gone);
}

TEST_P(TeamKeysTest, ADeletedTeamPaysForNothing) {
  const Key his = add("a", bob_, red_);
  const Key hers = add("a2", alice_, red_);
  EXPECT_EQ(code(teams().delete_team(red_, alice_)), "conflict");
  EXPECT_FALSE(read(his.id).payer_gone);
  database_->post("red", "adjust", Money{-1'000'000}, "moved", "k", "root").value();
  const auto ended = teams().delete_team(red_, alice_).value();
  EXPECT_THAT(ended.memberships, SizeIs(2));
  EXPECT_THAT(ended.keys, SizeIs(2));
  for (const int64_t id : {his.id, hers.id}) EXPECT_TRUE(read(id).payer_gone);
  EXPECT_THAT(teams().all(0, 10).value(), IsEmpty());
  EXPECT_FALSE(teams().find(red_).value().has_value());
}

TEST_P(TeamKeysTest, WhatAMemberSpendsIsKeptByDayWeekAndMonth) {
  add("ci", bob_, red_);
  spend(wallet_, 100, kMonday);
  spend(wallet_, 20, kMonday);
  EXPECT_EQ(bob().spent.on, kMonday);
  EXPECT_EQ(bob().spent.day, Money{120});
  spend(wallet_, 7, kMonday + 1);
  EXPECT_EQ(bob().spent.day, Money{7});
  EXPECT_EQ(bob().spent.week, Money{127});
  // Of yesterday, and late: of the day it is no more.
  spend(wallet_, 3, kMonday);
  EXPECT_EQ(bob().spent.day, Money{7});
  EXPECT_EQ(bob().spent.week, Money{130});
  EXPECT_EQ(bob().spent.month, Money{130});
  // 2026-12-01 is the Tuesday of the next week.
  spend(wallet_, 5, kMonday + 8);
  EXPECT_EQ(bob().spent.week, Money{5});
  EXPECT_EQ(bob().spent.month, Money{5});
  reopen();
  EXPECT_EQ(bob().spent.month, Money{5});
  EXPECT_EQ(bob().spent.on, kMonday + 8);
  // The owner has spent nothing, and what Bob pays himself counts for nobody.
  EXPECT_EQ(teams().member(red_, alice_).value()->spent.month, Money{});
  spend(database_->wallet("bob").value().id, 9, kMonday + 8);
  EXPECT_EQ(bob().spent.month, Money{5});
  EXPECT_EQ(database_->wallet("red").value().balance, Money{1'000'000 - 135});
  EXPECT_THAT(database_->verify().value(), IsEmpty());
  // Who has left has no sums, and what ran is charged all the same.
  teams().remove_member(red_, bob_, alice_).value();
  spend(wallet_, 11, kMonday + 8);
  EXPECT_EQ(database_->wallet("red").value().balance, Money{1'000'000 - 146});
}

TEST_P(TeamKeysTest, ASettlementThatComesTwiceCountsOnce) {
  Settlement what = testing::settlement("use_x", 1, wallet_);
  what.user_id = bob_;
  what.cost = Money{10};
  what.started_at = kMonday * kDayMs;
  settle_now(*database_, what);
  settle_now(*database_, what);
  EXPECT_EQ(bob().spent.day, Money{10});
}

TEST_P(TeamKeysTest, WhatAProcessLeftOpenCountsForTheMember) {
  const Key key = add("ci", bob_, red_);
  LeaseOpened opened = testing::lease("use_open", key.id, wallet_);
  opened.opened_at = kMonday * kDayMs;
  database_->ledger().opened(opened);
  database_->ledger().progress(
      {.id = "use_open", .counts = {.input = 5, .output = 7}, .cost = Money{77}});
  reopen();
  EXPECT_EQ(database_->recovered(), 1U);
  const auto row = database_->usage_row("use_open").value();
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->user_id, bob_);
  EXPECT_EQ(row->wallet_id, wallet_);
  EXPECT_EQ(bob().spent.day, Money{77});
}

TEST_P(TeamKeysTest, NoKeyIsMadeBehindTheBackOfAMemberWhoIsTakenOut) {
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> made{0};
    {
      std::jthread adding([&] {
        for (int i = 0; i < 4; ++i) {
          Key key = testing::key("k" + std::to_string(round * 10 + i), bob_);
          key.payer_id = red_;
          if (keys().add(key, 1000)) ++made;
        }
      });
      std::jthread removing([&] { teams().remove_member(red_, bob_, alice_).value(); });
    }
    const auto all = keys().page({.user_id = bob_, .after = 0, .limit = 1000}).value();
    for (const Key& each : all) EXPECT_TRUE(each.payer_gone) << each.name;
    join();
  }
}

INSTANTIATE_TEST_SUITE_P(All, TeamKeysTest, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
