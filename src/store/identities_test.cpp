#include "store/identities.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::must_open;
using testing::TestPlace;

constexpr int64_t kNow = 1'800'000'000'000;

class IdentitiesTest : public ::testing::TestWithParam<Server> {
 protected:
  Identities& identities() { return database_->identities(); }
  static User named(std::string name) {
    User user;
    user.name = std::move(name);
    user.email = user.name + "@example.com";
    user.password_hash = "$argon2id$";
    return user;
  }
  User add(std::string name) { return identities().add_user(named(std::move(name))).value(); }
  Login login(const User& user, std::string id, std::string digest) {
    Login login;
    login.id = std::move(id);
    login.user_id = user.id;
    login.address = "10.0.0.1";
    login.user_agent = "curl";
    login.created_at = kNow;
    login.expires_at = kNow + 1'000'000;
    EXPECT_TRUE(identities().begin_login(login, digest).has_value());
    return login;
  }
  std::string code(const Status& status) {
    return status ? "done" : std::string(to_string(status.error().code));
  }

  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
};

TEST_P(IdentitiesTest, AUserIsKeptWithAWallet) {
  EXPECT_FALSE(identities().anybody().value());
  User wanted = named("alice");
  wanted.role = "administrator";
  const User made = identities().add_user(wanted).value();
  EXPECT_TRUE(identities().anybody().value());
  for (const auto& found :
       {identities().user(made.id).value(), identities().user("alice").value()}) {
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->id, made.id);
    EXPECT_EQ(found->email, "alice@example.com");
    EXPECT_EQ(found->password_hash, "$argon2id$");
    EXPECT_TRUE(found->administrator());
    EXPECT_FALSE(found->disabled);
    EXPECT_FALSE(found->last_login_at.has_value());
    EXPECT_GT(found->created_at, 0);
  }
  EXPECT_EQ(database_->wallet("alice").value().user_id, made.id);
  EXPECT_FALSE(identities().user("bob").value().has_value());
}

TEST_P(IdentitiesTest, ANameIsNeverTakenTwice) {
  add("alice");
  EXPECT_EQ(identities().add_user(named("alice")).error().code, ErrorCode::kConflict);
  // Money that was put down for a name goes to nobody who just calls himself so.
  database_->ensure_wallet("rich").value();
  EXPECT_EQ(identities().add_user(named("rich")).error().code, ErrorCode::kConflict);
}

TEST_P(IdentitiesTest, OnlyOneIsTheFirst) {
  std::atomic<int> made{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        if (identities().add_user(named("user" + std::to_string(i)), {}, true)) ++made;
      });
    }
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(identities().add_user(named("late"), {}, true).error().code,
            ErrorCode::kPermissionDenied);
}

TEST_P(IdentitiesTest, AChangeNeedsTheLatestVersion) {
  User user = add("alice");
  const User stale = user;
  user.email = "new@example.com";
  user.disabled = true;
  user.tokens_since = kNow;
  const User changed = identities().change_user(user).value();
  EXPECT_EQ(changed.email, "new@example.com");
  EXPECT_TRUE(changed.disabled);
  EXPECT_EQ(changed.version, user.version + 1);
  EXPECT_EQ(identities().change_user(stale).error().code, ErrorCode::kPreconditionFailed);
  EXPECT_EQ(identities().changed_since(kNow + 1).value().size(), 1U);  // disabled
  User nobody = user;
  nobody.id = 999;
  EXPECT_EQ(identities().change_user(nobody).error().code, ErrorCode::kNotFound);
}

TEST_P(IdentitiesTest, UsersAreFoundByTheBeginningOfTheirNames) {
  for (const char* name : {"alice", "al%", "bob", "albert", "al_"}) add(name);
  const auto names = [&](std::string_view prefix, int limit = 10, int64_t after = 0) {
    std::string all;
    for (const User& user : identities().users(after, limit, prefix).value())
      all += user.name + " ";
    return all;
  };
  EXPECT_EQ(names("al"), "al% al_ albert alice ");
  EXPECT_EQ(names("al", 2), "al% al_ ");
  EXPECT_EQ(names("al", 2, identities().user("al_").value()->id), "albert alice ");
  EXPECT_EQ(names("al%"), "al% ");
  EXPECT_EQ(names("%"), "");
  EXPECT_EQ(names("", 2), "alice al% ");
  EXPECT_EQ(names("", 10, identities().user("bob").value()->id), "albert al_ ");
}

TEST_P(IdentitiesTest, ARefreshTokenServesOnceAndItsReuseEndsTheLogin) {
  const User user = add("alice");
  login(user, "ses_1", "first");
  EXPECT_EQ(identities().user(user.id).value()->last_login_at, kNow);
  auto done = identities().refresh("first", "second", kNow + 10, 5).value();
  EXPECT_EQ(done.kind, Identities::Refreshed::kGood);
  EXPECT_EQ(done.login.user_id, user.id);
  // Two tabs at once.
  EXPECT_EQ(identities().refresh("first", "second b", kNow + 15, 5).value().kind,
            Identities::Refreshed::kGood);
  EXPECT_EQ(identities().refresh("first", "third", kNow + 16, 5).value().kind,
            Identities::Refreshed::kReused);
  EXPECT_EQ(identities().refresh("second", "fourth", kNow + 17, 5).value().kind,
            Identities::Refreshed::kUnknown);
  EXPECT_EQ(identities().ended_since(kNow).value(), std::vector<std::string>{"ses_1"});
  EXPECT_EQ(identities().refresh("never", "x", kNow, 5).value().kind,
            Identities::Refreshed::kUnknown);
}

TEST_P(IdentitiesTest, ALoginExpires) {
  const User user = add("alice");
  login(user, "ses_1", "first");
  EXPECT_EQ(identities().refresh("first", "second", kNow + 1'000'000, 5).value().kind,
            Identities::Refreshed::kUnknown);
  EXPECT_TRUE(identities().logins(user.id, kNow + 1'000'000).value().empty());
  EXPECT_TRUE(identities().forget_logins(kNow + 2'000'000).has_value());
  EXPECT_FALSE(identities().login_of("first").value().has_value());
}

TEST_P(IdentitiesTest, LoginsAreEndedByTheirUserAlone) {
  const User alice = add("alice");
  const User bob = add("bob");
  login(alice, "ses_1", "a");
  login(alice, "ses_2", "b");
  login(alice, "ses_3", "c");
  login(bob, "ses_4", "d");
  EXPECT_EQ(code(identities().end_login("ses_1", bob.id, kNow)), "not_found");
  EXPECT_EQ(code(identities().end_login("ses_1", alice.id, kNow)), "done");
  EXPECT_EQ(code(identities().end_login("ses_1", alice.id, kNow)), "not_found");
  EXPECT_EQ(identities().end_logins(alice.id, "ses_2", kNow).value(),
            std::vector<std::string>{"ses_3"});
  const auto left = identities().logins(alice.id, kNow).value();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].id, "ses_2");
  EXPECT_EQ(left[0].user_agent, "curl");
  EXPECT_EQ(identities().logins(bob.id, kNow).value().size(), 1U);
}

TEST_P(IdentitiesTest, AnInvitationServesOnceAndTellsTheRole) {
  Invite invite;
  invite.digest = "d1";
  invite.prefix = "inv_12";
  invite.role = "administrator";
  invite.created_by = "root";
  const Invite made = identities().add_invite(invite).value();
  EXPECT_TRUE(identities().add_user(named("alice"), "d1").value().administrator());
  EXPECT_EQ(identities().add_user(named("bob"), "d1").error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(identities().add_user(named("bob"), "d2").error().code, ErrorCode::kPermissionDenied);
  const auto all = identities().invites().value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].used_by, identities().user("alice").value()->id);
  EXPECT_EQ(code(identities().delete_invite(made.id)), "done");
  EXPECT_EQ(code(identities().delete_invite(made.id)), "not_found");
  invite.digest = "d3";
  invite.expires_at = 1;
  identities().add_invite(invite).value();
  EXPECT_EQ(identities().add_user(named("bob"), "d3").error().code, ErrorCode::kPermissionDenied);
  EXPECT_FALSE(identities().user("bob").value().has_value());
}

INSTANTIATE_TEST_SUITE_P(All, IdentitiesTest, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
