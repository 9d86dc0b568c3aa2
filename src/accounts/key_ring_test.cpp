#include "accounts/key_ring.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

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

constexpr std::string_view kSecret = "a secret of the database";

/// As the database has a configured key.
store::Key stored(const config::Key& key, int64_t id) {
  store::Key out;
  out.id = id;
  out.digest = KeyRing::digest_of(kSecret, key.key.expose());
  out.name = key.name;
  out.configured = true;
  return out;
}

store::Key made(std::string_view text, int64_t id, std::string name) {
  store::Key out;
  out.id = id;
  out.digest = KeyRing::digest_of(kSecret, text);
  out.name = std::move(name);
  return out;
}

/// The keys of the configuration get the ids 1, 2, ...
Result<KeyRing> ring_of(const config::Config& config, std::vector<store::Key> others = {}) {
  int64_t id = 0;
  for (const config::Key& each : config.keys) others.push_back(stored(each, ++id));
  return KeyRing::make(config, others, kSecret);
}

ErrorCode code_of(const auto& result) {
  EXPECT_FALSE(result.has_value());
  return result ? ErrorCode::kInternal : result.error().code;
}

TEST(KeyRing, FindsAKeyByItsWholeValueOnly) {
  const KeyRing ring = *ring_of(with_keys({key("sk-one", "one"), key("sk-two", "two")}));
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
  const KeyRing ring = *ring_of(with_keys({expiring}));
  EXPECT_TRUE(ring.authenticate("sk-old", kClient, kNow - 1));
  const auto expired = ring.authenticate("sk-old", kClient, kNow);
  const auto unknown = ring.authenticate("sk-none", kClient, kNow);
  EXPECT_EQ(code_of(expired), code_of(unknown));
  EXPECT_EQ(expired.error().message, unknown.error().message);
}

TEST(KeyRing, AKeyIsHeldToItsAddresses) {
  config::Key bound = key("sk-bound", "bound");
  bound.allow_ips = {"10.0.0.0/8", "2001:db8::/32"};
  const KeyRing ring = *ring_of(with_keys({bound}));
  EXPECT_TRUE(ring.authenticate("sk-bound", *IpAddress::parse("10.1.2.3"), kNow));
  EXPECT_TRUE(ring.authenticate("sk-bound", *IpAddress::parse("::ffff:10.1.2.3"), kNow));
  EXPECT_TRUE(ring.authenticate("sk-bound", *IpAddress::parse("2001:db8::1"), kNow));
  EXPECT_EQ(code_of(ring.authenticate("sk-bound", kClient, kNow)), ErrorCode::kIpNotAllowed);
}

TEST(KeyRing, AKeyIsHeldToItsModels) {
  config::Key bound = key("sk-bound", "bound");
  bound.models = {"gpt-4o", "claude-*"};
  const KeyRing ring = *ring_of(with_keys({bound}));
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
  const KeyRing ring = *ring_of(with_keys({bound}));
  EXPECT_EQ(code_of(ring.authorize("sk-none", kClient, "o3", kNow)), ErrorCode::kInvalidApiKey);
  EXPECT_EQ(code_of(ring.authorize("sk-bound", kClient, "o3", kNow)), ErrorCode::kIpNotAllowed);
}

TEST(KeyRing, WithoutAuthenticationAnybodyMayCallButAKnownKeyKeepsItsLimits) {
  config::Key bound = key("sk-bound", "bound");
  bound.models = {"gpt-4o"};
  config::Config config = with_keys({bound});
  config.auth.enabled = false;
  const KeyRing ring = *ring_of(config);
  EXPECT_EQ((*ring.authorize("", kClient, "o3", kNow))->name, "anonymous");
  EXPECT_EQ((*ring.authorize("whatever", kClient, "o3", kNow))->name, "anonymous");
  EXPECT_EQ(code_of(ring.authorize("sk-bound", kClient, "o3", kNow)), ErrorCode::kModelNotAllowed);
}

TEST(KeyRing, AnEmptyConfiguredKeyOpensNothing) {
  const KeyRing ring = *ring_of(with_keys({key("", "unset")}));
  EXPECT_EQ(ring.size(), 0U);
  EXPECT_EQ(code_of(ring.authenticate("", kClient, kNow)), ErrorCode::kInvalidApiKey);
}

TEST(KeyRing, RefusesAConfigurationThatCannotBeMeant) {
  config::Key bad = key("sk-a", "a");
  bad.allow_ips = {"10.0.0.0/99"};
  const auto wrong_network = ring_of(with_keys({bad}));
  EXPECT_EQ(code_of(wrong_network), ErrorCode::kConfig);
  EXPECT_NE(wrong_network.error().message.find("10.0.0.0/99"), std::string::npos);

  const auto twice = ring_of(with_keys({key("sk-a", "a"), key("sk-a", "b")}));
  EXPECT_EQ(code_of(twice), ErrorCode::kConfig);
  EXPECT_EQ(twice.error().message.find("sk-a"), std::string::npos);
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return out;
}

// RFC 4231, test cases 1, 2 and 6.
TEST(KeyRing, KeepsOfAKeyItsHmac) {
  EXPECT_EQ(hex(KeyRing::digest_of(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex(KeyRing::digest_of("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(KeyRing::digest_of(std::string(131, '\xaa'),
                                   "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(KeyRing, FindsKeysOfTheConfigurationAndOfTheDatabase) {
  store::Key database = made("sk-made", 7, "made");
  database.user_id = 3;
  database.models = {"gpt-*"};
  const KeyRing ring = *ring_of(with_keys({key("sk-one", "one")}), {database});
  EXPECT_EQ(ring.size(), 2u);
  EXPECT_EQ((*ring.authenticate("sk-one", kClient, kNow))->key_id, 1);
  const KeyRecord& found = **ring.authenticate("sk-made", kClient, kNow);
  EXPECT_EQ(found.key_id, 7);
  EXPECT_EQ(found.user_id, 3);
  EXPECT_EQ(found.name, "made");
  EXPECT_TRUE(found.allows_model("gpt-4o"));
  EXPECT_FALSE(found.allows_model("o3"));
}

TEST(KeyRing, OfAKeyThatStandsInBothTheConfigurationHolds) {
  config::Key configured = key("sk-both", "configured");
  configured.models = {"o3"};
  store::Key database = stored(configured, 9);
  database.name = "database";
  database.models = {"gpt-4o"};
  database.expires_at = kNow;
  database.user_id = 4;
  const KeyRing ring = *KeyRing::make(with_keys({configured}), std::vector{database}, kSecret);
  EXPECT_EQ(ring.size(), 1u);
  const KeyRecord& found = **ring.authenticate("sk-both", kClient, kNow);
  EXPECT_EQ(found.name, "configured");
  EXPECT_EQ(found.key_id, 9);
  EXPECT_EQ(found.user_id, 4);
  EXPECT_TRUE(found.allows_model("o3"));
  EXPECT_FALSE(found.allows_model("gpt-4o"));
}

TEST(KeyRing, ADisabledKeyAnswersLikeAnUnknownOne) {
  store::Key database = made("sk-off", 7, "off");
  database.enabled = false;
  config::Key configured = key("sk-both", "both");
  store::Key both = stored(configured, 8);
  both.enabled = false;
  const KeyRing ring =
      *KeyRing::make(with_keys({configured}), std::vector{database, both}, kSecret);
  const auto unknown = ring.authenticate("sk-none", kClient, kNow);
  for (const std::string_view off : {"sk-off", "sk-both"}) {
    const auto disabled = ring.authenticate(off, kClient, kNow);
    EXPECT_EQ(code_of(disabled), ErrorCode::kInvalidApiKey);
    EXPECT_EQ(disabled.error().message, unknown.error().message);
  }
}

TEST(KeyRing, AKeyThatLeftTheConfigurationOpensNothing) {
  const store::Key gone = stored(key("sk-gone", "gone"), 5);
  const KeyRing ring = *KeyRing::make(with_keys({}), std::vector{gone}, kSecret);
  EXPECT_EQ(code_of(ring.authenticate("sk-gone", kClient, kNow)), ErrorCode::kInvalidApiKey);
}

// Its id would be that of callers without a key, who have no limits.
TEST(KeyRing, AConfiguredKeyMustBeInTheDatabase) {
  EXPECT_EQ(code_of(KeyRing::make(with_keys({key("sk-one", "one")}), {}, kSecret)),
            ErrorCode::kInternal);
}

TEST(KeyRing, RefusesWhatTheDatabaseCannotMean) {
  store::Key cut = made("sk-a", 1, "cut");
  cut.digest.pop_back();
  EXPECT_EQ(code_of(ring_of(with_keys({}), {cut})), ErrorCode::kInternal);
  store::Key bad = made("sk-a", 1, "bad");
  bad.allow_ips = {"nowhere"};
  const auto wrong_network = ring_of(with_keys({}), {bad});
  EXPECT_EQ(code_of(wrong_network), ErrorCode::kConfig);
  EXPECT_NE(wrong_network.error().message.find("bad"), std::string::npos);
}

TEST(KeyRing, FindsEveryOneOfManyKeys) {
  std::vector<store::Key> keys;
  for (int i = 0; i < 2000; ++i) keys.push_back(made("sk-" + std::to_string(i), i + 1, "k"));
  const KeyRing ring = *ring_of(with_keys({}), keys);
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ((*ring.authenticate("sk-" + std::to_string(i), kClient, kNow))->key_id, i + 1);
    EXPECT_FALSE(ring.authenticate("sk-x" + std::to_string(i), kClient, kNow));
  }
}

TEST(KeyRing, MakesKeysThatNobodyGuesses) {
  const Secret one = *KeyRing::make_key();
  const Secret two = *KeyRing::make_key();
  EXPECT_NE(one.expose(), two.expose());
  EXPECT_TRUE(one.expose().starts_with("sk-"));
  EXPECT_EQ(one.expose().size(), 51u);
  EXPECT_TRUE(std::ranges::all_of(one.expose().substr(3),
                                  [](unsigned char c) { return std::isalnum(c) != 0; }));
}

TEST(KeyRing, AChangeIsSeenInTheCopyAlone) {
  std::vector<store::Key> many;
  for (int64_t i = 1; i <= 2000; ++i) {
    many.push_back(made("sk-" + std::to_string(i), i, "key " + std::to_string(i)));
  }
  const KeyRing before = *KeyRing::make({}, many, kSecret);
  KeyRing after = before;
  ASSERT_TRUE(after.put(made("sk-new", 5000, "new"), nullptr));
  store::Key off = many[6];
  off.enabled = false;
  ASSERT_TRUE(after.put(off, nullptr));
  after.remove(9);
  after.remove(12'345);
  EXPECT_EQ(after.size(), 2000U);
  EXPECT_EQ(before.size(), 2000U);
  EXPECT_TRUE(after.authenticate("sk-new", kClient, kNow));
  EXPECT_EQ(after.find(5000)->name, "new");
  EXPECT_FALSE(after.authenticate("sk-7", kClient, kNow));
  EXPECT_FALSE(after.authenticate("sk-9", kClient, kNow));
  EXPECT_EQ(after.find(9), nullptr);
  EXPECT_FALSE(before.authenticate("sk-new", kClient, kNow));
  for (int64_t i = 1; i <= 2000; ++i) {
    EXPECT_TRUE(before.authenticate("sk-" + std::to_string(i), kClient, kNow));
    EXPECT_EQ(after.authenticate("sk-" + std::to_string(i), kClient, kNow).has_value(),
              i != 7 && i != 9);
    EXPECT_EQ(before.find(i)->key_id, i);
  }
}

TEST(KeyRing, AKeyOfTheConfigurationStaysAsItStandsThere) {
  const config::Config config = with_keys({key("sk-one", "one")});
  KeyRing ring = *ring_of(config);
  store::Key changed = stored(config.keys[0], 1);
  changed.enabled = false;
  ASSERT_TRUE(ring.put(changed, nullptr));
  EXPECT_TRUE(ring.authenticate("sk-one", kClient, kNow));
  EXPECT_EQ(ring.size(), 1U);
}

TEST(KeyRing, AnOwnerNamesHisOwnKeysOnly) {
  store::Key hers = made("sk-hers", 1, "hers");
  hers.user_id = 10;
  hers.allow_ips = {"198.51.100.0/24"};
  hers.expires_at = kNow + 10;
  const std::vector<store::Key> keys = {hers, made("sk-free", 2, "free")};
  const KeyRing ring = *KeyRing::make({}, keys, kSecret);
  EXPECT_EQ((*ring.authenticate(10, 1, kClient, kNow))->name, "hers");
  EXPECT_EQ(code_of(ring.authenticate(11, 1, kClient, kNow)), ErrorCode::kInvalidApiKey);
  EXPECT_EQ(code_of(ring.authenticate(10, 1, kClient, kNow + 10)), ErrorCode::kInvalidApiKey);
  EXPECT_EQ(code_of(ring.authenticate(10, 1, *IpAddress::parse("8.8.8.8"), kNow)),
            ErrorCode::kIpNotAllowed);
  // What is nobody's is not everybody's.
  EXPECT_EQ(code_of(ring.authenticate(0, 2, kClient, kNow)), ErrorCode::kInvalidApiKey);
  EXPECT_EQ(code_of(ring.authenticate(10, 0, kClient, kNow)), ErrorCode::kInvalidApiKey);
}

TEST(KeyRing, KeysOfADisabledUserAreUnknown) {
  store::Key hers = made("sk-hers", 1, "hers");
  hers.user_id = 10;
  const std::vector<store::Key> keys = {hers, made("sk-free", 2, "free")};
  KeyRing ring = *KeyRing::make({}, keys, kSecret);
  const KeyRing before = ring;
  ring.set_disabled(10, true);
  EXPECT_EQ(code_of(ring.authenticate("sk-hers", kClient, kNow)), ErrorCode::kInvalidApiKey);
  EXPECT_EQ(code_of(ring.authenticate(10, 1, kClient, kNow)), ErrorCode::kInvalidApiKey);
  EXPECT_TRUE(ring.authenticate("sk-free", kClient, kNow));
  EXPECT_TRUE(before.authenticate("sk-hers", kClient, kNow));
  ring.set_disabled(10, false);
  EXPECT_TRUE(ring.authenticate("sk-hers", kClient, kNow));
}

}  // namespace
}  // namespace sluice::accounts
