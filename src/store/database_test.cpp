#include "store/database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::TempFolder;

TEST(Database, KeepsAPostingAndASettlementOverARestart) {
  TempFolder folder;
  int64_t wallet_id = 0;
  int64_t key_id = 0;
  std::string secret;
  {
    const auto database = testing::must_open(folder.options());
    ASSERT_TRUE(database);
    const Wallet wallet = database->ensure_wallet("alice").value();
    wallet_id = wallet.id;
    EXPECT_TRUE(database->post("alice", "top_up", Money{10'000'000'000}, "card", "k1", "cli"));
    key_id = database->ensure_configured_key(testing::key("demo", wallet.user_id)).value().id;
    testing::settle_now(*database, testing::settlement("use_1", key_id, wallet_id));
    secret = database->key_secret();
    EXPECT_EQ(secret.size(), 32u);
  }
  const auto database = testing::must_open(folder.options());
  ASSERT_TRUE(database);
  EXPECT_EQ(database->key_secret(), secret);
  EXPECT_EQ(database->wallet("alice").value().balance, Money{10'000'000'000 - 1'234'567});
  EXPECT_EQ(database->keys().value().at(0).used_tokens, 163);
  EXPECT_EQ(database->keys().value().at(0).digest, testing::key("demo").digest);
  const std::vector<Transaction> entries = database->transactions(wallet_id, 0, 10).value();
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].kind, "charge");
  EXPECT_EQ(entries[0].reference, "use_1");
  EXPECT_EQ(entries[0].balance_after, Money{10'000'000'000 - 1'234'567});
  EXPECT_EQ(entries[1].kind, "top_up");
}

}  // namespace
}  // namespace sluice::store
