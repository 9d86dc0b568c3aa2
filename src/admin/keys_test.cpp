#include <fmt/format.h>
#include <gmock/gmock.h>

#include "admin/service.hpp"
#include "admin/test_database.hpp"
#include "json/slices.hpp"

namespace sluice::admin {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class KeysTest : public testing::Test {
 protected:
  Result<Answer> ask(std::string method, std::string target, std::string body = {}) {
    return service.handle({.method = std::move(method),
                           .target = "/api/admin/" + std::move(target),
                           .body = std::move(body),
                           .who = Principal::token("tester"),
                           .headers = {{"if-match", if_match}}});
  }
  std::string create(std::string body) {
    const auto answer = ask("POST", "keys", std::move(body));
    return answer ? answer->body : "refused: " + answer.error().param;
  }

  TestDatabase database;
  std::string if_match;
  int changes = 0;
  Service service{database, {.registry = nullptr, .key_changed = [this](const store::Key&, bool) {
                               ++changes;
                             }}};
};

TEST_F(KeysTest, ShowsANewKeyOnceAndKeepsOnlyItsDigest) {
  const auto made = ask("POST", "keys", R"({"name":"demo","user":"alice"})");
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->status, 201);
  const std::string text = json::Value(made->body)["key"].as_string().value_or("");
  EXPECT_THAT(text, MatchesRegex("sk-[0-9A-Za-z]{48}"));
  EXPECT_EQ(changes, 1);
  const store::Key kept = database.keys()->front();
  EXPECT_EQ(kept.digest.size(), 32U);
  EXPECT_EQ(kept.prefix, text.substr(0, 6));
  EXPECT_EQ(kept.user_id, database.wallet("alice")->user_id);
  EXPECT_FALSE(kept.configured);
  const std::string list = ask("GET", "keys")->body;
  EXPECT_THAT(list, AllOf(HasSubstr(R"("name":"demo")"), HasSubstr(R"("user":"alice")"),
                          Not(HasSubstr(text)), Not(HasSubstr("\"key\""))));
}

TEST_F(KeysTest, MakesEveryKeyAnotherOne) {
  const std::string a = create(R"({"name":"a"})");
  const std::string b = create(R"({"name":"b"})");
  EXPECT_NE(json::Value(a)["key"].as_string(), json::Value(b)["key"].as_string());
  EXPECT_NE(database.keys()->at(0).digest, database.keys()->at(1).digest);
}

TEST_F(KeysTest, KeepsEveryLimit) {
  const std::string made =
      create(R"({"name":"all","quota_tokens":0,"rpm":60,"tpm":1000,"max_parallel":4,)"
             R"("models":["gpt-*","claude"],"allow_ips":["10.0.0.0/8","::1"],)"
             R"("expires_at":"2027-01-31T00:00:00Z"})");
  const store::Key key = database.keys()->front();
  EXPECT_EQ(key.quota_tokens, 0);
  EXPECT_EQ(key.rpm, 60);
  EXPECT_EQ(key.tpm, 1000);
  EXPECT_EQ(key.max_parallel, 4);
  EXPECT_THAT(key.models, testing::ElementsAre("gpt-*", "claude"));
  EXPECT_THAT(key.allow_ips, testing::ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_EQ(key.expires_at, 1'801'353'600);
  EXPECT_THAT(made, HasSubstr(R"("expires_at":"2027-01-31T00:00:00Z")"));
  // Further away than nanoseconds can say.
  EXPECT_THAT(create(R"({"name":"late","expires_at":"9999-12-31T23:59:59Z"})"),
              HasSubstr(R"("expires_at":"9999-12-31T23:59:59Z")"));
  // Absent is unlimited, where 0 is none.
  create(R"({"name":"free","quota_tokens":null})");
  EXPECT_EQ(database.keys()->back().quota_tokens, std::nullopt);
}

TEST_F(KeysTest, RefusesWhatTheConfigurationWouldRefuse) {
  for (const auto& [field, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"name", "\"\""},
           {"name", "5"},
           {"name", "null"},
           {"quota_tokens", "-1"},
           {"quota_tokens", "\"5\""},
           {"quota_tokens", "1.5"},
           {"rpm", "-1"},
           {"tpm", "1e3"},
           {"max_parallel", "2000000000000000"},
           {"models", "\"gpt\""},
           {"models", "[\"a*b\"]"},
           {"models", "[\"\"]"},
           {"models", "[1]"},
           {"allow_ips", "[\"10.0.0.0/33\"]"},
           {"allow_ips", "[\"localhost\"]"},
           {"expires_at", "\"tomorrow\""},
           {"expires_at", "-1"},
           {"user", "\" x\""},
           {"key", "\"my own\""}}) {
    const bool is_name = std::string_view(field) == "name";
    EXPECT_EQ(
        create(fmt::format(R"({{{}"{}":{}}})", is_name ? "" : R"("name":"n",)", field, value)),
        std::string("refused: ") + field)
        << value;
  }
  std::string many = R"({"name":"n","models":["m")";
  for (int i = 0; i < 100; ++i) many += R"(,"m")";
  EXPECT_EQ(create(many + "]}"), "refused: models");
  EXPECT_TRUE(database.keys()->empty());
  EXPECT_EQ(changes, 0);
  EXPECT_TRUE(database.wallets()->empty());
}

TEST_F(KeysTest, RefusesANameThatIsTaken) {
  create(R"({"name":"demo"})");
  EXPECT_EQ(create(R"({"name":"demo"})"), "refused: name");
  EXPECT_EQ(database.keys()->size(), 1U);
}

TEST_F(KeysTest, DeletesAKeyAndSaysSoToTheGateway) {
  create(R"({"name":"demo"})");
  const auto gone = ask("DELETE", "keys/1");
  ASSERT_TRUE(gone.has_value());
  EXPECT_EQ(gone->body, R"({"id":1,"name":"demo","deleted":true})");
  EXPECT_TRUE(database.keys()->empty());
  EXPECT_EQ(changes, 2);
  EXPECT_EQ(ask("DELETE", "keys/1").error().code, ErrorCode::kNotFound);
  for (const char* id : {"0", "-1", "x", "99999999999999999999"}) {
    EXPECT_EQ(ask("DELETE", std::string("keys/") + id).error().code, ErrorCode::kInvalidRequest);
  }
}

TEST_F(KeysTest, LeavesKeysOfTheConfigurationToTheConfiguration) {
  store::Key configured;
  configured.name = "configured";
  configured.configured = true;
  ASSERT_TRUE(database.create_key(configured).has_value());
  if_match = "*";
  for (const auto& refused : {ask("DELETE", "keys/1"), ask("PATCH", "keys/1", R"({"rpm":1})"),
                              ask("POST", "keys/1/rotate")}) {
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidRequest);
    EXPECT_THAT(refused.error().message, HasSubstr("configuration file"));
  }
  EXPECT_EQ(database.keys()->size(), 1U);
}

TEST_F(KeysTest, ChangesWhatIsGivenAndKeepsTheRest) {
  create(R"({"name":"demo","rpm":5,"quota_usd":"2.5","budgets":{"day":"1","month":"9"}})");
  EXPECT_EQ(ask("PATCH", "keys/1", R"({"rpm":6})").error().code, ErrorCode::kPreconditionFailed);
  if_match = "\"2\"";
  EXPECT_EQ(ask("PATCH", "keys/1", R"({"rpm":6})").error().code, ErrorCode::kPreconditionFailed);
  EXPECT_EQ(changes, 1);
  if_match = "\"1\"";
  const auto changed = ask("PATCH", "keys/1", R"({"enabled":false,"budgets":{"day":null}})");
  ASSERT_TRUE(changed.has_value());
  EXPECT_EQ(changed->headers.front().second, "\"2\"");
  EXPECT_EQ(changes, 2);
  store::Key kept = database.keys()->front();
  EXPECT_FALSE(kept.enabled);
  EXPECT_EQ(kept.rpm, 5);
  EXPECT_EQ(kept.quota_money, Money{2'500'000'000});
  EXPECT_EQ(kept.budget_day, std::nullopt);
  EXPECT_EQ(kept.budget_month, Money{9'000'000'000});
  if_match = "*";
  ASSERT_TRUE(ask("PATCH", "keys/1", R"({"budgets":null,"quota_usd":null,"mode":"strict"})"));
  kept = database.keys()->front();
  EXPECT_EQ(kept.quota_money, std::nullopt);
  EXPECT_EQ(kept.budget_month, std::nullopt);
  EXPECT_EQ(kept.mode, "strict");
  EXPECT_FALSE(kept.enabled);
}

TEST_F(KeysTest, ANewKeyGetsWhatTheOldOneHasLeft) {
  create(R"({"name":"demo","rpm":5,"quota_tokens":100,"quota_usd":"1"})");
  store::Key used = database.keys()->front();
  used.used_tokens = 130;
  used.used_money = Money{400'000'000};
  ASSERT_TRUE(database.api_keys().change(used));
  const auto fresh = ask("POST", "keys/1/rotate", R"({"overlap_seconds":60})");
  ASSERT_TRUE(fresh.has_value());
  EXPECT_EQ(fresh->status, 201);
  const store::Key made = database.keys()->back();
  EXPECT_EQ(made.replaces_id, 1);
  EXPECT_EQ(made.rpm, 5);
  EXPECT_EQ(made.quota_tokens, 0);
  EXPECT_EQ(made.quota_money, Money{600'000'000});
  EXPECT_NE(made.digest, used.digest);
  EXPECT_TRUE(database.keys()->front().expires_at.has_value());
  EXPECT_EQ(changes, 3);
}

}  // namespace
}  // namespace sluice::admin
