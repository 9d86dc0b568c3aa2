#include "admin/service.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "admin/test_database.hpp"
#include "json/slices.hpp"

namespace sluice::admin {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class ServiceTest : public testing::Test {
 protected:
  Result<Answer> ask(std::string method, std::string target, std::string body = {},
                     bool local = false) {
    return service.handle({.method = std::move(method),
                           .target = "/api/admin/" + std::move(target),
                           .body = std::move(body),
                           .who = local ? Principal::shell("tester") : Principal::token("tester")});
  }
  std::string body_of(std::string method, std::string target, std::string body = {}) {
    auto answer = ask(std::move(method), std::move(target), std::move(body));
    if (!answer) return "error: " + answer.error().message;
    EXPECT_TRUE(json::valid(answer->body)) << answer->body;
    return answer->body;
  }
  /// Code and field of the refusal.
  std::string refusal(std::string method, std::string target, std::string body = {},
                      bool local = false) {
    const auto answer = ask(std::move(method), std::move(target), std::move(body), local);
    if (answer) return "answered " + answer->body;
    EXPECT_FALSE(answer.error().message.empty());
    return fmt::format("{} {}", to_string(answer.error().code), answer.error().param);
  }
  std::string top_up(std::string user, std::string amount, std::string key) {
    return body_of("POST", "users/" + user + "/wallet/top-up",
                   fmt::format(R"({{"amount":"{}","idempotency_key":"{}"}})", amount, key));
  }

  TestDatabase database;
  quota::Registry registry;
  int key_changes = 0;
  Service service{database, {.registry = &registry, .key_changed = [this](const store::Key&, bool) {
                               ++key_changes;
                             }}};
};

TEST_F(ServiceTest, PaysIntoAWalletThatIsMadeForIt) {
  const std::string made = top_up("alice", "2.50", "k1");
  EXPECT_THAT(made, HasSubstr(R"("kind":"top_up","amount":"2.5","balance_after":"2.5")"));
  EXPECT_THAT(made, HasSubstr(R"("actor":"admin@tester")"));
  EXPECT_THAT(made, HasSubstr(R"("repeated":false,"new_user":true)"));
  EXPECT_THAT(made, HasSubstr(R"({"user":"alice","balance":"2.5","held":"0","available":"2.5"})"));
  EXPECT_THAT(top_up("alice", "0.000000001", "k2"), HasSubstr(R"("new_user":false)"));
  EXPECT_EQ(body_of("GET", "users/alice/wallet"),
            R"({"user":"alice","balance":"2.500000001","held":"0","available":"2.500000001"})");
}

TEST_F(ServiceTest, MakesNoWalletForATopUpThatItRefuses) {
  top_up("alice", "1", "k");
  EXPECT_EQ(refusal("POST", "users/bob/wallet/top-up", R"({"amount":"1","idempotency_key":"k"})"),
            "invalid_request idempotency_key");
  EXPECT_THAT(refusal("GET", "users/bob/wallet"), HasSubstr("not_found"));
}

TEST_F(ServiceTest, CountsARepeatedTopUpOnce) {
  top_up("alice", "1", "k");
  const auto again =
      ask("POST", "users/alice/wallet/top-up", R"({"amount":"1.00","idempotency_key":"k"})");
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->status, 200);
  EXPECT_THAT(again->body, AllOf(HasSubstr(R"("repeated":true)"), HasSubstr(R"("available":"1")")));
  EXPECT_EQ(refusal("POST", "users/alice/wallet/top-up", R"({"amount":"2","idempotency_key":"k"})"),
            "invalid_request idempotency_key");
  EXPECT_EQ(registry.find_wallet(1)->balance.available(), kNanosPerUsd);
}

TEST_F(ServiceTest, CountsOnceWhatComesFiftyTimesAtOnce) {
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 50; ++i) {
      threads.emplace_back([&] {
        (void)ask("POST", "users/bob/wallet/top-up", R"({"amount":"3","idempotency_key":"k"})");
      });
    }
  }
  EXPECT_EQ(database.entries.size(), 1U);
  EXPECT_EQ(body_of("GET", "users/bob/wallet"),
            R"({"user":"bob","balance":"3","held":"0","available":"3"})");
  EXPECT_EQ(registry.find_wallet(1)->balance.available(), 3 * kNanosPerUsd);
}

TEST_F(ServiceTest, CreditsTheWalletThatRequestsRunOn) {
  top_up("alice", "5", "k1");
  quota::Wallet& live = *registry.find_wallet(1);
  ASSERT_EQ(live.balance.take(2 * kNanosPerUsd, 1), 2 * kNanosPerUsd);
  EXPECT_EQ(body_of("GET", "users/alice/wallet"),
            R"({"user":"alice","balance":"5","held":"2","available":"3"})");
  top_up("alice", "1", "k2");
  EXPECT_EQ(live.balance.available(), 4 * kNanosPerUsd);
  body_of("POST", "users/alice/wallet/adjust",
          R"({"amount":"-4.5","reason":"paid back","idempotency_key":"k3"})");
  EXPECT_EQ(body_of("GET", "users/alice/wallet"),
            R"({"user":"alice","balance":"1.5","held":"2","available":"-0.5"})");
}

TEST_F(ServiceTest, TakesAmountsThatAreExactAndNoOthers) {
  for (const char* amount : {R"("2.50")", "2.50", "0.1", "1000000"}) {
    EXPECT_THAT(body_of("POST", "users/a/wallet/top-up",
                        fmt::format(R"({{"amount":{},"idempotency_key":"{}"}})", amount,
                                    database.entries.size())),
                HasSubstr("\"entry\""))
        << amount;
  }
  EXPECT_EQ(database.entries[2].amount.nanos, 100'000'000);
  for (const char* amount :
       {R"("")", R"("0")", "0", R"("-1")", "-1", "1e3", R"("1e3")", R"("1,5")", R"(" 1")",
        R"("0.0000000001")", "null", "true", "[1]", R"("9223372037")", "NaN"}) {
    const std::string said =
        refusal("POST", "users/a/wallet/top-up",
                fmt::format(R"({{"amount":{},"idempotency_key":"x"}})", amount));
    EXPECT_THAT(said, MatchesRegex("invalid_request (amount)?")) << amount;
  }
  EXPECT_EQ(database.entries.size(), 4U);
}

TEST_F(ServiceTest, RefusesABalanceThatWouldNotFit) {
  top_up("a", "9000000000", "k1");
  EXPECT_EQ(
      refusal("POST", "users/a/wallet/top-up", R"({"amount":"9000000000","idempotency_key":"k2"})"),
      "invalid_request amount");
  EXPECT_EQ(registry.find_wallet(1)->balance.available(), 9'000'000'000 * kNanosPerUsd);
}

TEST_F(ServiceTest, AdjustsOnlyWalletsThatAreThereAndOnlyForAReason) {
  EXPECT_EQ(refusal("POST", "users/nobody/wallet/adjust",
                    R"({"amount":"1","reason":"r","idempotency_key":"k"})"),
            "not_found ");
  top_up("alice", "1", "k");
  EXPECT_EQ(
      refusal("POST", "users/alice/wallet/adjust", R"({"amount":"-1","idempotency_key":"k"})"),
      "invalid_request reason");
  EXPECT_EQ(refusal("POST", "users/alice/wallet/adjust",
                    R"({"amount":"0","reason":"r","idempotency_key":"k"})"),
            "invalid_request amount");
  EXPECT_EQ(refusal("POST", "users/alice/wallet/top-up", R"({"amount":"1"})"),
            "invalid_request idempotency_key");
}

TEST_F(ServiceTest, RefusesBodiesThatSayMoreOrLessThanTheyShould) {
  const char* path = "users/a/wallet/top-up";
  EXPECT_EQ(refusal("POST", path, R"({"amount":"1","idempotency_key":"k","resaon":"x"})"),
            "invalid_request resaon");
  const auto hint = ask("POST", path, R"({"amount":"1","idempotency_key":"k","resaon":"x"})");
  EXPECT_THAT(hint.error().message, HasSubstr("is reason meant?"));
  EXPECT_EQ(refusal("POST", path, R"({"amount":"1","amount":"9","idempotency_key":"k"})"),
            "invalid_request amount");
  for (const char* body : {"", "[]", "\"x\"", "{", "{}", "nonsense", R"({"amount":"1"} {})"}) {
    EXPECT_THAT(refusal("POST", path, body), MatchesRegex("invalid_request.*")) << body;
  }
  EXPECT_EQ(refusal("POST", path, "{\"amount\":\"1\",\"idempotency_key\":\"a\\nb\"}"),
            "invalid_request idempotency_key");
  EXPECT_EQ(refusal("POST", path,
                    fmt::format(R"({{"amount":"1","idempotency_key":"k","reason":"{}"}})",
                                std::string(501, 'x'))),
            "invalid_request reason");
  EXPECT_TRUE(database.entries.empty());
}

TEST_F(ServiceTest, TakesUserNamesOfOneSegmentInEveryScript) {
  EXPECT_THAT(top_up("j%C3%BCrgen%2Fb", "1", "k"), HasSubstr("\"user\":\"j\xc3\xbcrgen/b\""));
  for (const char* user : {"%00", "%0a", "%20x", "%ff", "%zz"}) {
    EXPECT_THAT(refusal("POST", fmt::format("users/{}/wallet/top-up", user),
                        R"({"amount":"1","idempotency_key":"q"})"),
                MatchesRegex("invalid_request.*"))
        << user;
  }
  EXPECT_EQ(refusal("GET", "users/" + std::string(129, 'u') + "/wallet"), "invalid_request user");
  EXPECT_EQ(refusal("GET", "users//wallet"), "not_found ");
}

TEST_F(ServiceTest, ListsEntriesNewestFirstInPages) {
  for (int i = 1; i <= 5; ++i) top_up("alice", std::to_string(i), std::to_string(i));
  top_up("bob", "9", "other");
  const std::string first = body_of("GET", "users/alice/wallet/transactions?limit=2");
  EXPECT_THAT(first, AllOf(HasSubstr(R"("amount":"5")"), HasSubstr(R"("amount":"4")"),
                           HasSubstr(R"("next_cursor":"4")"), Not(HasSubstr(R"("amount":"3")"))));
  const std::string rest = body_of("GET", "users/alice/wallet/transactions?limit=3&cursor=4");
  EXPECT_THAT(rest, AllOf(HasSubstr(R"("amount":"1")"), HasSubstr(R"("next_cursor":null)"),
                          Not(HasSubstr(R"("amount":"9")"))));
  for (const char* query :
       {"limit=0", "limit=1001", "limit=x", "cursor=-1", "cursor=x", "page=1"}) {
    EXPECT_THAT(refusal("GET", std::string("users/alice/wallet/transactions?") + query),
                MatchesRegex("invalid_request .+"))
        << query;
  }
}

TEST_F(ServiceTest, TellsOfEntriesBehindTheLargestPage) {
  for (int i = 0; i < 1100; ++i) top_up("alice", "1", std::to_string(i));
  const std::string page = body_of("GET", "users/alice/wallet/transactions?limit=1000");
  EXPECT_EQ(json::Value(page)["next_cursor"].as_string(), "101");
}

TEST_F(ServiceTest, SaysWhetherTheBooksAreRight) {
  EXPECT_EQ(body_of("POST", "wallets/verify"), R"({"equal":true,"differences":[]})");
  database.differences = {{.what = "wallet of alice", .kept = "1", .recomputed = "2"}};
  EXPECT_EQ(body_of("POST", "wallets/verify", "{}"),
            R"({"equal":false,"differences":[{"what":"wallet of alice","kept":"1",)"
            R"("recomputed":"2"}]})");
}

TEST_F(ServiceTest, TellsThePathFromTheMethod) {
  EXPECT_EQ(refusal("GET", "nothing"), "not_found ");
  EXPECT_EQ(refusal("GET", "wallets/"), "not_found ");
  EXPECT_EQ(refusal("GET", "users/a/b/wallet"), "not_found ");
  EXPECT_EQ(refusal("DELETE", "wallets"), "method_not_allowed ");
  EXPECT_EQ(Service::methods_of("/api/admin/keys"), "GET, POST");
  EXPECT_EQ(Service::methods_of("/api/admin/keys/1"), "GET, PATCH, DELETE");
  EXPECT_EQ(Service::methods_of("/api/admin/usage/summary"), "GET");
  EXPECT_EQ(Service::methods_of("/api/other"), "");
}

TEST_F(ServiceTest, PassesOnThatTheDatabaseIsAway) {
  database.broken = true;
  EXPECT_EQ(refusal("GET", "wallets"), "ledger_unavailable ");
  EXPECT_EQ(refusal("POST", "users/a/wallet/top-up", R"({"amount":"1","idempotency_key":"k"})"),
            "ledger_unavailable ");
  EXPECT_EQ(registry.find_wallet(1), nullptr);
}

TEST_F(ServiceTest, BacksUpOnlyForCallersFromTheShell) {
  EXPECT_EQ(refusal("POST", "backup", R"({"file":"/x"})"), "permission_denied ");
  EXPECT_EQ(refusal("POST", "backup", R"({"file":"x.db"})", true), "invalid_request file");
  EXPECT_EQ(refusal("POST", "backup", "{}", true), "invalid_request file");
  ASSERT_TRUE(ask("POST", "backup", R"({"file":"/tmp/x.db"})", true).has_value());
  EXPECT_EQ(database.backed_up, "/tmp/x.db");
  database.broken = true;
  const auto refused = ask("POST", "backup", R"({"file":"/tmp/x.db"})", true);
  EXPECT_EQ(refused.error().message, "cannot write /tmp/x.db");
}

}  // namespace
}  // namespace sluice::admin
