#include "accounts/key_ring.hpp"

#include <gtest/gtest.h>

namespace sluice::accounts {
namespace {

constexpr int64_t kNow = 1'800'000'000;
const IpAddress kClient = *IpAddress::parse("198.51.100.7");

config::Config with_keys(std::vector<config::Key> keys) {
  config::Config config;
  config.keys = std::move(keys);
  return config;
}

config::Key key(std::string value, std::string name) {
  config::Key out;
  out.key = Secret(std::move(value));
  out.name = std::move(name);
  return out;
}

ErrorCode code_of(const auto& result) {
  EXPECT_FALSE(result.has_value());
  return result ? ErrorCode::kInternal : result.error().code;
}

TEST(KeyRing, FindsAKeyByItsWholeValueOnly) {
  const KeyRing ring =
      *KeyRing::from_config(with_keys({key("sk-one", "one"), key("sk-two", "two")}));
  EXPECT_EQ((*ring.authenticate("sk-two", kClient, kNow))->name, "two");
  for (const std::string_view wrong : {"", "sk-", "sk-tw", "sk-two ", "SK-TWO", "sk-twoo"}) {
    EXPECT_EQ(code_of(ring.authenticate(wrong, kClient, kNow)), ErrorCode::kInvalidApiKey) << wrong;
  }
  EXPECT_EQ(code_of(ring.authenticate(std::string(1 << 20, 'x'), kClient, kNow)),
            ErrorCode::kInvalidApiKey);
}

TEST(KeyRing, AnExpiredKeyAnswersLikeAnUnknownOne) {
  config::Key expiring = key("sk-old", "old");
  expiring.expires_at = kNow;
  const KeyRing ring = *KeyRing::from_config(with_keys({expiring}));
  EXPECT_TRUE(ring.authenticate("sk-old", kClient, kNow - 1));
  const auto expired = ring.authenticate("sk-old", kClient, kNow);
  const auto unknown = ring.authenticate("sk-none", kClient, kNow);
  EXPECT_EQ(code_of(expired), code_of(unknown));
  EXPECT_EQ(expired.error().message, unknown.error().message);
}

TEST(KeyRing, AKeyIsHeldToItsAddresses) {
  config::Key bound = key("sk-bound", "bound");
  bound.allow_ips = {"10.0.0.0/8", "2001:db8::/32"};
  const KeyRing ring = *KeyRing::from_config(with_keys({bound}));
  EXPECT_TRUE(ring.authenticate("sk-bound", *IpAddress::parse("10.1.2.3"), kNow));
  EXPECT_TRUE(ring.authenticate("sk-bound", *IpAddress::parse("::ffff:10.1.2.3"), kNow));
  EXPECT_TRUE(ring.authenticate("sk-bound", *IpAddress::parse("2001:db8::1"), kNow));
  EXPECT_EQ(code_of(ring.authenticate("sk-bound", kClient, kNow)), ErrorCode::kIpNotAllowed);
}

TEST(KeyRing, AKeyIsHeldToItsModels) {
  config::Key bound = key("sk-bound", "bound");
  bound.models = {"gpt-4o", "claude-*"};
  const KeyRing ring = *KeyRing::from_config(with_keys({bound}));
  EXPECT_TRUE(ring.authorize("sk-bound", kClient, "gpt-4o", kNow));
  EXPECT_TRUE(ring.authorize("sk-bound", kClient, "claude-sonnet-4-6", kNow));
  EXPECT_EQ(code_of(ring.authorize("sk-bound", kClient, "gpt-4o-mini", kNow)),
            ErrorCode::kModelNotAllowed);
  EXPECT_EQ(code_of(ring.authorize("sk-bound", kClient, "my-claude-", kNow)),
            ErrorCode::kModelNotAllowed);
  EXPECT_EQ(ring.authorize("sk-bound", kClient, "o3", kNow).error().param, "model");
}

TEST(KeyRing, AStrangerLearnsNothingOfAKeysLimits) {
  config::Key bound = key("sk-bound", "bound");
  bound.allow_ips = {"10.0.0.1"};
  bound.models = {"gpt-4o"};
  const KeyRing ring = *KeyRing::from_config(with_keys({bound}));
  EXPECT_EQ(code_of(ring.authorize("sk-none", kClient, "o3", kNow)), ErrorCode::kInvalidApiKey);
  EXPECT_EQ(code_of(ring.authorize("sk-bound", kClient, "o3", kNow)), ErrorCode::kIpNotAllowed);
}

TEST(KeyRing, WithoutAuthenticationAnybodyMayCallButAKnownKeyKeepsItsLimits) {
  config::Key bound = key("sk-bound", "bound");
  bound.models = {"gpt-4o"};
  config::Config config = with_keys({bound});
  config.auth.enabled = false;
  const KeyRing ring = *KeyRing::from_config(config);
  EXPECT_EQ((*ring.authorize("", kClient, "o3", kNow))->name, "anonymous");
  EXPECT_EQ((*ring.authorize("whatever", kClient, "o3", kNow))->name, "anonymous");
  EXPECT_EQ(code_of(ring.authorize("sk-bound", kClient, "o3", kNow)), ErrorCode::kModelNotAllowed);
}

TEST(KeyRing, AnEmptyConfiguredKeyOpensNothing) {
  const KeyRing ring = *KeyRing::from_config(with_keys({key("", "unset")}));
  EXPECT_EQ(ring.size(), 0U);
  EXPECT_EQ(code_of(ring.authenticate("", kClient, kNow)), ErrorCode::kInvalidApiKey);
}

TEST(KeyRing, RefusesAConfigurationThatCannotBeMeant) {
  config::Key bad = key("sk-a", "a");
  bad.allow_ips = {"10.0.0.0/99"};
  const auto wrong_network = KeyRing::from_config(with_keys({bad}));
  EXPECT_EQ(code_of(wrong_network), ErrorCode::kConfig);
  EXPECT_NE(wrong_network.error().message.find("10.0.0.0/99"), std::string::npos);

  const auto twice = KeyRing::from_config(with_keys({key("sk-a", "a"), key("sk-a", "b")}));
  EXPECT_EQ(code_of(twice), ErrorCode::kConfig);
  EXPECT_EQ(twice.error().message.find("sk-a"), std::string::npos);
}

}  // namespace
}  // namespace sluice::accounts
