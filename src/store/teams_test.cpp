#include "store/teams.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using ::testing::IsEmpty;
using testing::must_open;
using testing::TestPlace;

class TeamsTest : public ::testing::TestWithParam<Server> {
 protected:
  Teams& teams() { return database_->teams(); }
  int64_t user(const std::string& name) { return database_->ensure_wallet(name).value().user_id; }
  static Member member(int64_t user_id, std::string role = "member") {
    Member member;
    member.user_id = user_id;
    member.role = std::move(role);
    return member;
  }
  template <typename T>
  static std::string code(const Result<T>& result) {
    return result ? "done" : std::string(to_string(result.error().code));
  }
  std::string names(int64_t team, int64_t by) {
    std::string all;
    for (const Member& each : teams().members(team, 0, 100, by).value()) {
      all += fmt::format("{}:{} ", each.user, each.role);
    }
    return all;
  }

  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
  int64_t alice_ = user("alice");
  int64_t bob_ = user("bob");
  int64_t eve_ = user("eve");
};

TEST_P(TeamsTest, ATeamHasAWalletAndWhoMadeItForItsOwner) {
  const Team made = teams().add_team("red", alice_).value();
  EXPECT_EQ(made.role, "owner");
  EXPECT_EQ(made.members, 1);
  database_->post("red", "top_up", Money{7}, "", "k", "root").value();
  const Team seen = teams().team(made.id, alice_).value();
  EXPECT_EQ(seen.wallet.balance, Money{7});
  EXPECT_EQ(seen.wallet.id, database_->wallet_of(made.id).value().id);
  EXPECT_EQ(teams().teams_of(alice_).value().size(), 1U);
  for (const char* taken : {"red", "bob"}) {
    EXPECT_EQ(code(teams().add_team(taken, alice_)), "conflict") << taken;
  }
  EXPECT_EQ(code(teams().add_team("blue", 999'999)), "invalid_request");
}

TEST_P(TeamsTest, ATeamIsNobodyWhoLogsIn) {
  const Team made = teams().add_team("red", alice_).value();
  Identities& identities = database_->identities();
  EXPECT_FALSE(identities.user(made.id).value().has_value());
  EXPECT_FALSE(identities.user("red").value().has_value());
  EXPECT_EQ(identities.users(0, 10, "").value().size(), 3U);
  EXPECT_THAT(identities.users(0, 10, "re").value(), IsEmpty());
  User user;
  user.id = made.id;
  user.password_hash = "$argon2id$";
  EXPECT_EQ(code(identities.change_user(user)), "not_found");
  user.name = "red";
  EXPECT_EQ(code(identities.add_user(user)), "conflict");
  // Nor is it a member.
  const Team other = teams().add_team("blue", bob_).value();
  EXPECT_EQ(code(teams().add_member(other.id, member(made.id), bob_)), "invalid_request");
}

TEST_P(TeamsTest, WhatOneIsNoMemberOfIsNotThere) {
  const Team made = teams().add_team("red", alice_).value();
  teams().add_member(made.id, member(bob_), alice_).value();
  EXPECT_EQ(code(teams().team(made.id, eve_)), "not_found");
  EXPECT_EQ(code(teams().rename_team(made.id, 2, "x", eve_)), "not_found");
  EXPECT_EQ(code(teams().delete_team(made.id, eve_)), "not_found");
  EXPECT_EQ(code(teams().members(made.id, 0, 10, eve_)), "not_found");
  EXPECT_EQ(code(teams().add_member(made.id, member(eve_), eve_)), "not_found");
  EXPECT_EQ(code(teams().change_member(made.id, 2, member(bob_), eve_)), "not_found");
  EXPECT_EQ(code(teams().remove_member(made.id, bob_, eve_)), "not_found");
  EXPECT_EQ(code(teams().remove_member(made.id, eve_, eve_)), "not_found");
  EXPECT_THAT(teams().teams_of(eve_).value(), IsEmpty());
  // A person is no team.
  EXPECT_EQ(code(teams().team(bob_, bob_)), "not_found");
  EXPECT_EQ(code(teams().add_member(bob_, member(eve_), bob_)), "not_found");
  EXPECT_EQ(names(made.id, bob_), "alice:owner bob:member ");
}

TEST_P(TeamsTest, OnlyOwnersChangeATeam) {
  const Team made = teams().add_team("red", alice_).value();
  teams().add_member(made.id, member(bob_), alice_).value();
  EXPECT_EQ(teams().team(made.id, bob_).value().role, "member");
  const std::string no = "permission_denied";
  EXPECT_EQ(code(teams().rename_team(made.id, 2, "x", bob_)), no);
  EXPECT_EQ(code(teams().delete_team(made.id, bob_)), no);
  EXPECT_EQ(code(teams().add_member(made.id, member(eve_), bob_)), no);
  EXPECT_EQ(code(teams().change_member(made.id, 2, member(bob_, "owner"), bob_)), no);
  EXPECT_EQ(code(teams().remove_member(made.id, alice_, bob_)), no);
  EXPECT_EQ(code(teams().remove_member(made.id, bob_, bob_)), "done") << "he may go";
  EXPECT_EQ(code(teams().team(made.id, bob_)), "not_found");
}

TEST_P(TeamsTest, MembersHaveBudgetsThatComeAndGo) {
  const Team made = teams().add_team("red", alice_).value();
  Member wanted = member(bob_);
  wanted.budgets = {.day = Money{1}, .week = {}, .month = Money{INT64_MAX}};
  const Member added = teams().add_member(made.id, wanted, alice_).value();
  EXPECT_EQ(added.budgets.day, Money{1});
  EXPECT_FALSE(added.budgets.week.has_value());
  EXPECT_EQ(added.budgets.month, Money{INT64_MAX});
  EXPECT_EQ(code(teams().add_member(made.id, wanted, alice_)), "conflict");

  const int64_t version = teams().team(made.id, alice_).value().version;
  wanted.budgets = {.day = {}, .week = Money{0}, .month = {}};
  const Member changed = teams().change_member(made.id, version, wanted, alice_).value();
  EXPECT_FALSE(changed.budgets.day.has_value());
  EXPECT_EQ(changed.budgets.week, Money{0});
  EXPECT_EQ(code(teams().change_member(made.id, version, wanted, alice_)), "precondition_failed");
  EXPECT_EQ(code(teams().change_member(made.id, version + 1, member(eve_), alice_)), "not_found");
  const auto page = teams().members(made.id, added.id - 1, 1, bob_).value();
  ASSERT_EQ(page.size(), 1U);
  EXPECT_EQ(page[0].user, "bob");
}

TEST_P(TeamsTest, ATeamKeepsAnOwner) {
  const Team made = teams().add_team("red", alice_).value();
  teams().add_member(made.id, member(bob_), alice_).value();
  EXPECT_EQ(code(teams().remove_member(made.id, alice_, alice_)), "conflict");
  EXPECT_EQ(code(teams().change_member(made.id, 2, member(alice_), alice_)), "conflict");
  teams().change_member(made.id, 2, member(bob_, "owner"), alice_).value();
  // Each of the two takes the other's place away at the same moment.
  std::atomic<int> done{0};
  {
    std::vector<std::jthread> threads;
    for (const auto& [by, whom] : {std::pair(alice_, bob_), std::pair(bob_, alice_)}) {
      threads.emplace_back([&, by, whom] {
        if (teams().remove_member(made.id, whom, by)) ++done;
      });
    }
  }
  EXPECT_EQ(done, 1);
  EXPECT_EQ(teams().teams_of(alice_).value().size() + teams().teams_of(bob_).value().size(), 1U);
}

TEST_P(TeamsTest, ATeamIsRenamedByVersionAndDeletedWhenItsWalletIsEmpty) {
  const Team made = teams().add_team("red", alice_).value();
  EXPECT_EQ(code(teams().rename_team(made.id, 1, "bob", alice_)), "conflict");
  EXPECT_EQ(teams().rename_team(made.id, 1, "blue", alice_).value().version, 2);
  EXPECT_EQ(code(teams().rename_team(made.id, 1, "green", alice_)), "precondition_failed");
  database_->post("blue", "top_up", Money{7}, "", "k", "root").value();
  EXPECT_EQ(code(teams().delete_team(made.id, alice_)), "conflict");
  database_->post("blue", "adjust", Money{-7}, "moved", "k", "root").value();
  EXPECT_EQ(code(teams().delete_team(made.id, alice_)), "done");
  EXPECT_EQ(code(teams().team(made.id, alice_)), "not_found");
  EXPECT_TRUE(teams().add_team("blue", bob_).has_value()) << "its name is free";
  EXPECT_EQ(database_->transactions(database_->wallet_of(made.id).value().id, 0, 10).value().size(),
            2U);
  EXPECT_THAT(database_->verify().value(), IsEmpty());
}

TEST_P(TeamsTest, WhatIsCheckedOfOneWalletIsThatWallet) {
  database_->post("alice", "top_up", Money{5}, "", "k", "root").value();
  const Wallet wallet = database_->wallet_of(alice_).value();
  EXPECT_EQ(wallet.user, "alice");
  EXPECT_THAT(database_->verify_wallet(wallet.id).value(), IsEmpty());
  testing::AnyShell shell(folder_);
  shell.run(fmt::format("UPDATE wallets SET balance = 6 WHERE id = {}", wallet.id));
  const auto found = database_->verify_wallet(wallet.id).value();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kept, "0.000000006");
  EXPECT_EQ(found[0].recomputed, "0.000000005");
  EXPECT_THAT(database_->verify_wallet(database_->wallet_of(bob_).value().id).value(), IsEmpty());
  EXPECT_EQ(code(database_->wallet_of(999'999)), "not_found");
}

INSTANTIATE_TEST_SUITE_P(All, TeamsTest, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
