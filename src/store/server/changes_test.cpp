#include "store/changes.hpp"

#include <gmock/gmock.h>

#include <thread>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::AnyShell;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::must_open;
using testing::ServerShell;
using testing::TestPlace;

/// Two gateways on one database, each with a spool of its own.
class ChangesOnServers : public ::testing::TestWithParam<Server> {
 protected:
  ChangesOnServers() : place_(GetParam()), here_(must_open(place_.options())) {
    Options other = place_.options();
    other.data_dir = place_.file("other");
    other.spool.clear();
    there_ = must_open(other);
    cursor_ = here_->changes()->now().value();
  }

  /// Here, of what has been changed since the last call.
  News news() {
    const News heard = here_->changes()->since(cursor_).value();
    cursor_ = heard.cursor;
    return heard;
  }

  TestPlace place_;
  std::unique_ptr<Database> here_, there_;
  int64_t cursor_ = 0;
};

TEST_P(ChangesOnServers, SayWhatWasMadeChangedAndDeletedAndNothingElse) {
  EXPECT_TRUE(news().empty());
  const Wallet alice = there_->ensure_wallet("alice").value();
  Key key = there_->api_keys().add(testing::key("one", alice.user_id), 10).value();
  News heard = news();
  EXPECT_THAT(heard.users, ElementsAre(alice.user_id));
  EXPECT_THAT(heard.wallets, ElementsAre(alice.id));
  EXPECT_THAT(heard.keys, ElementsAre(key.id));
  EXPECT_FALSE(heard.prices || heard.catalog || heard.logins || heard.all);

  key.rpm = 7;
  key = there_->api_keys().change(key).value();
  EXPECT_THAT(news().keys, ElementsAre(key.id));
  ASSERT_TRUE(there_->delete_key(key.id));
  EXPECT_THAT(news().keys, ElementsAre(key.id));
  EXPECT_TRUE(news().empty());

  Rate rate;
  rate.model = "gpt";
  there_->ensure_rate(rate).value();
  there_->ensure_rate(rate).value();
  heard = news();
  EXPECT_TRUE(heard.prices);
  EXPECT_FALSE(heard.catalog);
  ProviderRow provider;
  provider.name = "p";
  provider.type = "openai";
  there_->catalog().add(provider).value();
  EXPECT_TRUE(news().catalog);
  there_->post("alice", "top_up", Money{5}, "", "once", "cli").value();
  EXPECT_THAT(news().wallets, ElementsAre(alice.id));
  EXPECT_TRUE(news().empty());
}

TEST_P(ChangesOnServers, TellOfRowsThatSomebodyChangesByHand) {
  const int64_t key = there_->create_key(testing::key("one")).value().id;
  news();
  AnyShell shell(place_);
  shell.run("UPDATE api_keys SET enabled = 0");
  EXPECT_THAT(news().keys, ElementsAre(key));
  shell.run(
      "INSERT INTO routing_rules (rule_type, pattern, provider_name) VALUES ('exact', 'a', 'b')");
  EXPECT_TRUE(news().catalog);
  shell.run("DELETE FROM api_keys");
  EXPECT_THAT(news().keys, ElementsAre(key));
}

TEST_P(ChangesOnServers, TellOfSettlementsOfOthersAndNotOfTheirOwn) {
  const Wallet alice = there_->ensure_wallet("alice").value();
  const int64_t key = there_->create_key(testing::key("one", alice.user_id)).value().id;
  news();
  testing::settle_now(*here_, testing::settlement("here", key, alice.id));
  EXPECT_TRUE(news().empty());
  testing::settle_now(*there_, testing::settlement("there", key, alice.id));
  const News heard = news();
  EXPECT_THAT(heard.wallets, ElementsAre(alice.id));
  EXPECT_THAT(heard.used_keys, ElementsAre(key));
  EXPECT_THAT(heard.keys, IsEmpty()) << "its limits are as they were";

  Figures figures;
  const int64_t nobody = 999;
  ASSERT_TRUE(here_->changes()->look({{alice.id, nobody}}, {{key, nobody}}, {},
                                     [&](const Figures& now) { figures = now; }));
  ASSERT_EQ(figures.wallets.size(), 1u);
  EXPECT_EQ(figures.wallets[0].balance, Money{-2 * 1'234'567});
  ASSERT_EQ(figures.keys.size(), 1u);
  EXPECT_EQ(figures.keys[0].used_money, Money{2 * 1'234'567});
  EXPECT_EQ(figures.keys[0].used_tokens, 2 * testing::settlement("any").charged.total());
}

TEST_P(ChangesOnServers, TellWhoseShareOfATeamSettlementsHaveChanged) {
  const int64_t alice = there_->ensure_wallet("alice").value().user_id;
  const Wallet bob = there_->ensure_wallet("bob").value();
  const Team red = there_->teams().add_team("red", alice).value();
  Member member;
  member.user_id = bob.user_id;
  member = there_->teams().add_member(red.id, member, alice).value();
  Key key = testing::key("bob's", bob.user_id);
  key.payer_id = red.id;
  key = there_->api_keys().add(key, 10).value();
  news();

  const auto settle = [&](const std::string& id, int64_t wallet, int64_t user) {
    Settlement settlement = testing::settlement(id, key.id, wallet);
    settlement.user_id = user;
    testing::settle_now(*there_, settlement);
  };
  settle("his own", bob.id, bob.user_id);
  EXPECT_THAT(news().members, IsEmpty()) << "his own wallet";
  settle("the team's", red.wallet.id, bob.user_id);
  settle("once more", red.wallet.id, bob.user_id);
  settle("alice's", red.wallet.id, alice);
  EXPECT_THAT(news().members, ::testing::UnorderedElementsAre(PaidFor{red.wallet.id, bob.user_id},
                                                              PaidFor{red.wallet.id, alice}));

  const auto look = [&] {
    Figures figures;
    const std::vector<int64_t> asked = {member.id, 999};
    const std::vector<int64_t> keys = {key.id};
    EXPECT_TRUE(
        here_->changes()->look({}, keys, asked, [&](const Figures& now) { figures = now; }));
    return figures;
  };
  const Figures figures = look();
  ASSERT_EQ(figures.members.size(), 1u);
  EXPECT_EQ(figures.members[0].id, member.id);
  const Spent& spent = figures.members[0].spent;
  EXPECT_EQ(spent.on, 20'454);  // 2026-01-01
  EXPECT_EQ(spent.day, Money{2 * 1'234'567});
  EXPECT_EQ(spent.month, Money{2 * 1'234'567});
  EXPECT_THAT(figures.left, ElementsAre(999));
  ASSERT_EQ(figures.keys.size(), 1u);
  EXPECT_EQ(figures.keys[0].spent.on, spent.on);
  EXPECT_EQ(figures.keys[0].spent.week, Money{4 * 1'234'567});

  there_->teams().remove_member(red.id, bob.user_id, alice).value();
  const News heard = news();
  EXPECT_THAT(heard.teams, ElementsAre(red.id));
  EXPECT_THAT(heard.keys, ElementsAre(key.id));
  EXPECT_THAT(look().left, ElementsAre(member.id, 999));
}

TEST_P(ChangesOnServers, WhatHasArrivedInTheBooksIsToldOnce) {
  const Wallet alice = here_->ensure_wallet("alice").value();
  std::vector<Money> told;
  here_->changes()->on_carried([&](const Carried& carried) {
    for (const Carried::Charge& each : carried.charges) told.push_back(each.cost);
  });
  testing::settle_now(*here_, testing::settlement("one", 0, alice.id));
  // Looking waits for what is on its way.
  ASSERT_TRUE(here_->changes()->look({{alice.id}}, {}, {}, [&](const Figures& figures) {
    EXPECT_EQ(figures.wallets.at(0).balance, Money{-1'234'567});
    EXPECT_THAT(told, ElementsAre(Money{1'234'567}));
  }));
  here_->changes()->on_carried({});
}

TEST_P(ChangesOnServers, WhatCommitsLateIsNotMissed) {
  const int64_t first = there_->create_key(testing::key("first")).value().id;
  const int64_t second = there_->create_key(testing::key("second")).value().id;
  news();
  ServerShell slow(place_.url());
  slow.run("BEGIN");
  slow.run(fmt::format("UPDATE api_keys SET rpm = 1 WHERE id = {}", first));
  EXPECT_TRUE(news().empty());
  // It has to wait for the first one to end, so that it cannot overtake it.
  std::thread quick([&] {
    AnyShell(place_).run(fmt::format("UPDATE api_keys SET rpm = 2 WHERE id = {}", second));
  });
  slow.run("COMMIT");
  quick.join();
  EXPECT_THAT(news().keys, ElementsAre(first, second));
}

TEST_P(ChangesOnServers, WhoHasMissedSomethingHearsThatAnythingMayHaveChanged) {
  const int64_t before = cursor_;
  there_->create_key(testing::key("one")).value();
  there_->create_key(testing::key("two")).value();
  const News heard = here_->changes()->since(before).value();
  ASSERT_TRUE(there_->changes()->forget(before + 1));
  EXPECT_TRUE(here_->changes()->since(before).value().all);
  EXPECT_FALSE(here_->changes()->since(before + 1).value().all);
  ASSERT_TRUE(there_->changes()->forget(heard.cursor));
  EXPECT_FALSE(here_->changes()->since(heard.cursor).value().all) << "it has read them";
  EXPECT_TRUE(here_->changes()->since(heard.cursor + 1000).value().all) << "of another database";
}

TEST(ChangesWithoutTriggers, AreNotedByThoseWhoMakeThem) {
  const TestPlace place(Server::kMysql);
  must_open(place.options());
  AnyShell shell(place);
  for (const std::string& trigger :
       shell.texts("SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = "
                   "DATABASE()")) {
    shell.run("DROP TRIGGER " + trigger);
  }
  const auto here = must_open(place.options());
  Options other = place.options();
  other.data_dir = place.file("other");
  other.spool.clear();
  const auto there = must_open(other);
  int64_t cursor = here->changes()->now().value();
  const auto news = [&] {
    const News heard = here->changes()->since(cursor).value();
    cursor = heard.cursor;
    return heard;
  };
  const int64_t key = there->create_key(testing::key("one")).value().id;
  EXPECT_TRUE(news().all) << "which key is not known";
  const Keys::Used used{key, 5};
  ASSERT_TRUE(there->api_keys().note_used({&used, 1}));
  EXPECT_TRUE(news().empty());
  Rate rate;
  rate.model = "gpt";
  there->ensure_rate(rate).value();
  EXPECT_TRUE(news().prices);
  ASSERT_TRUE(here->delete_key(key));
  EXPECT_TRUE(news().empty()) << "its own";
  EXPECT_FALSE(there->delete_key(key));
  EXPECT_TRUE(news().empty()) << "nothing was changed";
}

INSTANTIATE_TEST_SUITE_P(Databases, ChangesOnServers, testing::servers(), testing::database_name);

TEST(ChangesOfAnEmbeddedDatabase, AreNobodyElses) {
  const testing::TempFolder folder;
  EXPECT_EQ(must_open(folder.options())->changes(), nullptr);
}

}  // namespace
}  // namespace sluice::store
