#include <gtest/gtest.h>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::must_open;
using testing::TestPlace;

class Keys : public ::testing::TestWithParam<Server> {
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
  return key;
}

TEST_P(Keys, EverythingOfAKeyIsKept) {
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
}

TEST_P(Keys, WhatAKeyDoesNotHaveStaysAbsent) {
  database_->create_key(testing::key("bare")).value();
  // A key with everything first: nothing of it may remain in the row that follows.
  database_->create_key(full_key(database_->ensure_wallet("alice").value().user_id)).value();
  database_->create_key(testing::key("bare2")).value();
  for (const size_t i : {0u, 2u}) {
    const Key key = database_->keys().value().at(i);
    EXPECT_EQ(key.user_id, 0);
    EXPECT_FALSE(key.quota_tokens);
    EXPECT_FALSE(key.expires_at);
    EXPECT_TRUE(key.models.empty());
    EXPECT_TRUE(key.allow_ips.empty());
    EXPECT_TRUE(key.enabled);
  }
}

TEST_P(Keys, AConfiguredKeyTakesNewLimitsAndKeepsWhatItUsed) {
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

TEST_P(Keys, ADigestIsUnique) {
  database_->create_key(testing::key("demo")).value();
  EXPECT_EQ(database_->create_key(testing::key("demo")).error().code, ErrorCode::kInvalidRequest);
  Key key = testing::key("odd");
  key.digest = "short";
  EXPECT_FALSE(database_->create_key(key));
  key = testing::key("odd");
  key.rpm = -1;
  EXPECT_EQ(database_->create_key(key).error().code, ErrorCode::kInvalidRequest);
}

TEST_P(Keys, ADeletedKeyLeavesItsUsageAndItsIdIsNotGivenAgain) {
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

INSTANTIATE_TEST_SUITE_P(Databases, Keys, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
