#include "admin/audit.hpp"

#include <gmock/gmock.h>

#include "admin/test_database.hpp"

namespace sluice::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(WithoutSecrets, HidesThemAtAnyDepth) {
  EXPECT_EQ(without_secrets(R"({"id":1,"key":"sk-1","data":[{"code":"abc","name":"n"}]})"),
            R"({"id":1,"key":"***","data":[{"code":"***","name":"n"}]})");
  EXPECT_EQ(without_secrets(R"({"k\u0065y":"sk-1","token":null})"),
            R"({"key":"***","token":null})");
  EXPECT_EQ(without_secrets(R"({"api_keys":["sk-123..."]})"), R"({"api_keys":"***"})");
  EXPECT_EQ(without_secrets("user,cost\n"), "");
}

class AuditTest : public testing::Test {
 protected:
  Result<Answer> ask(std::string method, std::string target, std::string body = {}) {
    return service.handle({.method = std::move(method),
                           .target = std::move(target),
                           .body = std::move(body),
                           .who = Principal::token("10.0.0.9")});
  }

  TestDatabase database;
  quota::Registry registry;
  Service service{database, {.registry = &registry}};
};

TEST_F(AuditTest, NotesWhatHasChangedAndNothingElse) {
  ASSERT_TRUE(ask("POST", "/api/admin/users/alice/wallet/top-up",
                  R"({"amount":"2","idempotency_key":"k"})"));
  ASSERT_EQ(database.audited.noted.size(), 1U);
  const store::AuditEntry& entry = database.audited.noted[0];
  EXPECT_EQ(entry.actor, "admin@10.0.0.9");
  EXPECT_EQ(entry.address, "10.0.0.9");
  EXPECT_EQ(entry.action, "POST /api/admin/users/{user}/wallet/top-up");
  EXPECT_EQ(entry.subject, "alice");
  EXPECT_THAT(entry.after, HasSubstr(R"("amount":"2")"));

  EXPECT_TRUE(ask("GET", "/api/admin/users/alice/wallet"));
  EXPECT_FALSE(ask("POST", "/api/admin/users/alice/wallet/top-up", R"({"amount":"2"})"));
  EXPECT_FALSE(ask("POST", "/api/admin/nowhere", "{}"));
  EXPECT_EQ(database.audited.noted.size(), 1U);
}

TEST_F(AuditTest, WhatDealsWithTheConfigurationNeedsAGatewayThatRuns) {
  const auto answer = ask("GET", "/api/admin/providers");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace sluice::admin
