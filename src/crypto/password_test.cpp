#include "crypto/password.hpp"

#include <argon2.h>
#include <gtest/gtest.h>

namespace sluice::crypto {
namespace {

constexpr PasswordCost kCheap{.memory_kib = 64, .passes = 1, .lanes = 1};

TEST(PasswordTest, KnowsItsPasswordAndNoOther) {
  const auto hash = hash_password("correct horse", kCheap);
  ASSERT_TRUE(hash.has_value());
  EXPECT_TRUE(hash->starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
  EXPECT_TRUE(verify_password("correct horse", *hash));
  EXPECT_FALSE(verify_password("correct horsf", *hash));
  EXPECT_FALSE(verify_password("", *hash));
  EXPECT_FALSE(verify_password(std::string("correct horse\0x", 15), *hash));
}

TEST(PasswordTest, SaltsEachHash) {
  EXPECT_NE(*hash_password("same", kCheap), *hash_password("same", kCheap));
}

TEST(PasswordTest, RefusesWhatIsNoHashOrCostsTooMuch) {
  for (const std::string_view text :
       {"", "x", "$argon2id$", "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aaaa",
        "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHRzYWx0$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "$argon2id$v=19$m=64,t=99999,p=1$c2FsdHNhbHRzYWx0$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "$argon2id$v=19$m=64,t=1,p=0$c2FsdHNhbHRzYWx0$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(verify_password("x", text)) << text;
  }
}

TEST(PasswordTest, ChecksAgainstNobodysHashInEarnest) {
  const std::string hash = hash_of_nobody(kCheap);
  EXPECT_FALSE(verify_password("x", hash));
  // One that cannot be read would be refused at once.
  EXPECT_EQ(argon2id_verify(hash.c_str(), "x", 1), ARGON2_VERIFY_MISMATCH);
}

TEST(PasswordTest, AsksToBeHashedAnewWhenTheCostHasChanged) {
  const auto hash = hash_password("x", kCheap);
  EXPECT_TRUE(needs_rehash(*hash));
  EXPECT_FALSE(needs_rehash(*hash, kCheap));
}

}  // namespace
}  // namespace sluice::crypto
