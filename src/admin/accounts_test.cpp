// What users and administrators do about accounts, on a database as it is: handlers, the identities
// and the tables together.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "admin/identity.hpp"
#include "admin/service.hpp"
#include "json/slices.hpp"
#include "store/test_store.hpp"

namespace sluice::admin {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPassword = "a long password";

class AccountsTest : public ::testing::Test {
 protected:
  AccountsTest() {
    admin_ = logged_in(add("boss", "administrator"));
    alice_ = logged_in(add("alice"));
    bob_ = logged_in(add("bob"));
  }

  static Identity::Options options(const std::string& data_dir) {
    Identity::Options options;
    options.data_dir = data_dir;
    options.cost = {.memory_kib = 64, .passes = 1};
    return options;
  }

  Result<Answer> ask(const Principal& who, std::string method, std::string target,
                     std::string body = {}, const std::string& if_match = {}) {
    return service_.handle({.method = std::move(method),
                            .target = "/api/" + std::move(target),
                            .body = std::move(body),
                            .who = who,
                            .headers = {{"if-match", if_match}}});
  }
  /// The body, or "code parameter" of what is said against it.
  std::string told(const Principal& who, std::string method, std::string target,
                   std::string body = {}, const std::string& if_match = {}) {
    const auto answer = ask(who, std::move(method), std::move(target), std::move(body), if_match);
    if (!answer) return fmt::format("{} {}", to_string(answer.error().code), answer.error().param);
    if (answer->refused) {
      return fmt::format("{} {}", to_string(answer->refused->code), answer->refused->param);
    }
    return answer->body;
  }
  static std::string text(std::string_view body, std::string_view name) {
    return json::Value(body)[name].as_string().value_or("");
  }
  static std::string etag(const Answer& answer) {
    for (const auto& [name, value] : answer.headers) {
      if (name == "etag") return value;
    }
    return {};
  }

  std::string add(const std::string& name, const std::string& role = "user") {
    Identity::Registration wanted;
    wanted.name = name;
    wanted.email = name + "@example.com";
    wanted.password = kPassword;
    return identity_->add(wanted, role).value().name;
  }
  /// As the token of a fresh login says who it is.
  Principal logged_in(const std::string& name, const std::string& password = kPassword) {
    return identity_->authenticate(log_in(name, password).value().access, "127.0.0.1").value();
  }
  Result<Identity::Tokens> log_in(const std::string& name, const std::string& password) {
    Duration wait{0};
    return identity_->login(name, password, {.address = "127.0.0.1", .user_agent = "test"}, wait);
  }
  /// The access token of one more login.
  std::string last_of(const std::string& name) { return log_in(name, kPassword).value().access; }
  std::string make_code(std::string_view amount) {
    const std::string made =
        told(admin_, "POST", "admin/codes", fmt::format(R"({{"amount":"{}"}})", amount));
    const size_t at = made.find("\"code\":\"") + 8;
    return made.substr(at, made.find('"', at) - at);
  }
  std::string redeem(const Principal& who, const std::string& code) {
    return told(who, "POST", "wallet/redeem", fmt::format(R"({{"code":"{}"}})", code));
  }

  store::testing::TempFolder folder_;
  std::unique_ptr<store::Database> database_ = store::testing::must_open(folder_.options());
  std::unique_ptr<Identity> identity_ =
      Identity::open(database_->identities(), database_->key_secret(),
                     options(folder_.file("data dir")))
          .value();
  quota::Registry registry_;
  Service service_{*database_, {.registry = &registry_, .identity = identity_.get()}};
  Principal admin_, alice_, bob_;
};

TEST_F(AccountsTest, ACodePaysOnceAndIntoTheWalletOfWhoHasIt) {
  const std::string code = make_code("12.5");
  EXPECT_THAT(redeem(alice_, code),
              AllOf(HasSubstr(R"("balance":"12.5")"), HasSubstr(R"("kind":"grant")")));
  EXPECT_EQ(redeem(alice_, code), "conflict code");
  EXPECT_EQ(redeem(bob_, code), "conflict code");
  EXPECT_EQ(told(alice_, "GET", "wallet"), R"({"balance":"12.5","held":"0","available":"12.5"})");
  EXPECT_EQ(told(bob_, "GET", "wallet"), R"({"balance":"0","held":"0","available":"0"})");
  EXPECT_THAT(told(alice_, "GET", "wallet/transactions"), HasSubstr(R"("amount":"12.5")"));
  EXPECT_THAT(told(alice_, "POST", "wallet/verify"), HasSubstr(R"("equal":true)"));
  // A redeemed one stays in the books, and no list tells it again.
  EXPECT_THAT(told(admin_, "DELETE", "admin/codes/1"), HasSubstr("conflict"));
  EXPECT_THAT(told(admin_, "GET", "admin/codes"),
              AllOf(HasSubstr(R"("redeemed_by":"alice")"), Not(HasSubstr(code))));
}

TEST_F(AccountsTest, WhoGuessesCodesHasToWait) {
  std::string last;
  for (int i = 0; i < 100 && !last.starts_with("rate_limit"); ++i) {
    last = redeem(bob_, fmt::format("code_{}", i));
  }
  EXPECT_EQ(last, "rate_limit_exceeded code");
  // The right one does not help now, and what was right is no less there for others.
  const std::string code = make_code("1");
  EXPECT_EQ(redeem(bob_, code), "rate_limit_exceeded code");
}

TEST_F(AccountsTest, AUserReachesNothingOfAdministratorsOrOthers) {
  for (const auto& [method, target] : std::initializer_list<std::pair<const char*, const char*>>{
           {"GET", "admin/users"},
           {"GET", "admin/codes"},
           {"POST", "admin/codes"},
           {"GET", "admin/audit"},
           {"POST", "admin/users/alice/wallet/top-up"},
           {"GET", "admin/models"},
           {"GET", "admin/usage"},
           {"GET", "admin/settings"}}) {
    EXPECT_EQ(told(bob_, method, target, "{}"), "permission_denied ") << method << target;
  }
  const std::string made = told(alice_, "POST", "keys", R"({"name":"mine"})");
  const auto id = json::Value(made)["id"].as_int();
  ASSERT_TRUE(id) << made;
  EXPECT_THAT(told(bob_, "GET", fmt::format("keys/{}", *id)), HasSubstr("not_found"));
  EXPECT_THAT(told(bob_, "DELETE", fmt::format("keys/{}", *id)), HasSubstr("not_found"));
  EXPECT_THAT(told(alice_, "GET", fmt::format("keys/{}", *id)), HasSubstr(R"("name":"mine")"));
}

TEST_F(AccountsTest, WhatAUserMayNotSetIsRefusedAndNotIgnored) {
  const auto me = ask(alice_, "GET", "me").value();
  for (const char* field : {R"("role":"administrator")", R"("balance":"100")",
                            R"("disabled":false)", R"("id":1)", R"("username":"boss")"}) {
    EXPECT_THAT(told(alice_, "PATCH", "me", fmt::format("{{{}}}", field), etag(me)),
                HasSubstr("invalid_request"))
        << field;
  }
  EXPECT_THAT(told(alice_, "GET", "me"),
              AllOf(HasSubstr(R"("role":"user")"), Not(HasSubstr("\"admin\""))));
}

TEST_F(AccountsTest, WhoeverComesSecondWithAnOldVersionChangesNothing) {
  const auto me = ask(alice_, "GET", "me").value();
  EXPECT_THAT(told(alice_, "PATCH", "me", R"({"email":"new@example.com"})", etag(me)),
              HasSubstr("new@example.com"));
  EXPECT_THAT(told(alice_, "PATCH", "me", R"({"email":"late@example.com"})", etag(me)),
              HasSubstr("precondition_failed"));
  EXPECT_THAT(told(alice_, "PATCH", "me", R"({"email":"none@example.com"})"),
              HasSubstr("precondition_failed"));
  EXPECT_THAT(told(alice_, "GET", "me"), HasSubstr("new@example.com"));
}

TEST_F(AccountsTest, ANewPasswordEndsTheOtherLoginsAndKeepsThisOne) {
  const std::string elsewhere = last_of(alice_.name);
  EXPECT_EQ(told(alice_, "POST", "me/password",
                 R"({"old_password":"wrong one","new_password":"another password"})"),
            "invalid_credentials old_password");
  EXPECT_EQ(told(alice_, "POST", "me/password",
                 fmt::format(R"({{"old_password":"{}","new_password":"short"}})", kPassword)),
            "invalid_request new_password");
  EXPECT_EQ(
      told(alice_, "POST", "me/password",
           fmt::format(R"({{"old_password":"{}","new_password":"another password"}})", kPassword)),
      R"({"changed":true})");
  EXPECT_FALSE(identity_->authenticate(elsewhere, "127.0.0.1").has_value());
  EXPECT_FALSE(log_in("alice", kPassword).has_value());
  EXPECT_TRUE(log_in("alice", "another password").has_value());
}

TEST_F(AccountsTest, ASessionThatIsEndedElsewhereIsOver) {
  const std::string elsewhere = last_of("alice");
  const Principal other = identity_->authenticate(elsewhere, "127.0.0.1").value();
  EXPECT_THAT(told(alice_, "GET", "sessions"), HasSubstr(other.session));
  EXPECT_THAT(told(bob_, "DELETE", "sessions/" + other.session), HasSubstr("not_found"));
  EXPECT_TRUE(identity_->authenticate(elsewhere, "127.0.0.1").has_value());
  ASSERT_TRUE(ask(alice_, "DELETE", "sessions/" + other.session).has_value());
  EXPECT_FALSE(identity_->authenticate(elsewhere, "127.0.0.1").has_value());
  EXPECT_THAT(told(alice_, "GET", "sessions"),
              AllOf(Not(HasSubstr(other.session)), HasSubstr(alice_.session)));
}

TEST_F(AccountsTest, ADisabledUserIsOutAtOnceAndNobodyDisablesHimself) {
  const std::string token = last_of("bob");
  const auto shown = ask(admin_, "GET", "admin/users/bob").value();
  EXPECT_THAT(told(admin_, "PATCH", "admin/users/bob", R"({"disabled":true})", etag(shown)),
              HasSubstr(R"("disabled":true)"));
  EXPECT_FALSE(identity_->authenticate(token, "127.0.0.1").has_value());
  EXPECT_FALSE(log_in("bob", kPassword).has_value());
  const auto boss = ask(admin_, "GET", "admin/users/boss").value();
  EXPECT_EQ(told(admin_, "PATCH", "admin/users/boss", R"({"disabled":true})", etag(boss)),
            "invalid_request role");
  EXPECT_EQ(told(admin_, "PATCH", "admin/users/boss", R"({"role":"user"})", etag(boss)),
            "invalid_request role");
}

TEST_F(AccountsTest, AGroupsPriceIsForThoseInItAndADraftForTheOthers) {
  EXPECT_THAT(told(admin_, "POST", "admin/models", R"({"model":"m","input":"2","output":"8"})"),
              HasSubstr(R"("id":)"));
  EXPECT_THAT(told(admin_, "POST", "admin/models",
                   R"({"model":"m","scope":"group:partners","input":"1","output":"4"})"),
              HasSubstr("group:partners"));
  EXPECT_THAT(told(admin_, "POST", "admin/price-groups", R"({"user":"nobody","group":"partners"})"),
              HasSubstr("not_found"));
  EXPECT_THAT(told(admin_, "POST", "admin/price-groups", R"({"user":"alice","group":"partners"})"),
              HasSubstr("partners"));
  // A request of each, settled at what was in force, would have cost this at another price.
  for (const Principal* who : {&alice_, &bob_}) {
    store::Settlement row = store::testing::settlement("use_" + who->name);
    row.user_id = who->user_id;
    row.requested_model = "m";
    row.charged = {.input = 1'000'000};
    row.cost = Money{5 * kNanosPerUsd};
    row.started_at = wall_nanos() / 1'000'000 - 60'000;
    store::testing::settle_now(*database_, std::move(row));
  }
  const std::string preview = told(admin_, "POST", "admin/models/preview",
                                   R"({"prices":[{"model":"m","input":"3","output":"8"}]})");
  // Alice at her group's 1, Bob at the draft's 3.
  EXPECT_THAT(preview, HasSubstr(R"("total":{"requests":2,"charged":"10","draft":"4")")) << preview;
}

}  // namespace
}  // namespace sluice::admin
