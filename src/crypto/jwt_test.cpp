#include "crypto/jwt.hpp"

#include <gtest/gtest.h>

#include "crypto/digest.hpp"

namespace sluice::crypto {
namespace {

constexpr int64_t kNow = 1'800'000'000;

class JwtTest : public testing::Test {
 protected:
  std::string token(int64_t expires_at = kNow + 60) {
    return sign_jwt({.subject = "42",
                     .session = "ses_1",
                     .role = "user",
                     .issued_at = kNow,
                     .expires_at = expires_at},
                    keys[0]);
  }
  Result<Claims> verify(std::string_view text) { return verify_jwt(text, keys, kNow); }
  /// A token of this header and body, signed with the right secret.
  std::string made(std::string_view header, std::string_view body) {
    const std::string first = base64url(header) + '.' + base64url(body);
    const Digest digest = hmac_sha256(keys[0].secret.expose(), first);
    return first + '.' + base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
  }

  std::vector<SigningKey> keys{{"k1", Secret("first secret")}, {"k2", Secret("second")}};
};

constexpr std::string_view kHeader = R"({"alg":"HS256","typ":"JWT","kid":"k1"})";
constexpr std::string_view kBody =
    R"({"sub":"42","sid":"s","role":"user","iat":1,"exp":1800000060})";

TEST_F(JwtTest, TellsWhatWasSigned) {
  const auto claims = verify(token());
  ASSERT_TRUE(claims.has_value());
  EXPECT_EQ(claims->subject, "42");
  EXPECT_EQ(claims->session, "ses_1");
  EXPECT_EQ(claims->role, "user");
  EXPECT_EQ(claims->expires_at, kNow + 60);
  EXPECT_TRUE(verify(made(kHeader, kBody)).has_value());
}

TEST_F(JwtTest, RefusesWhatHasExpiredOrIsFromTheFuture) {
  EXPECT_FALSE(verify(token(kNow)).has_value());
  EXPECT_FALSE(verify(made(kHeader, R"({"sub":"42","iat":1,"exp":"never"})")).has_value());
  EXPECT_FALSE(verify(made(kHeader, R"({"sub":"42","iat":1})")).has_value());
  EXPECT_FALSE(verify(made(kHeader, R"({"sub":"42","iat":1900000000,"exp":1900000060})")));
}

TEST_F(JwtTest, RefusesOtherAlgorithmsHoweverTheyAreSigned) {
  for (const std::string_view header :
       {R"({"alg":"none","kid":"k1"})", R"({"alg":"NONE","kid":"k1"})", R"({"kid":"k1"})",
        R"({"alg":"HS512","kid":"k1"})", R"({"alg":"RS256","kid":"k1"})",
        R"({"alg":"HS256","kid":"k1","crit":["x"]})", R"({"alg":"HS256"})",
        R"({"alg":"HS256","kid":"k3"})", R"(["HS256"])", ""}) {
    EXPECT_FALSE(verify(made(header, kBody)).has_value()) << header;
  }
  EXPECT_FALSE(verify(base64url(R"({"alg":"none","kid":"k1"})") + '.' + base64url(kBody) + '.'));
}

TEST_F(JwtTest, RefusesEveryChangedByte) {
  const std::string good = token();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(verify(bad).has_value()) << i;
    EXPECT_FALSE(verify(good.substr(0, i)).has_value()) << i;
  }
  EXPECT_FALSE(verify(good + "A").has_value());
}

TEST_F(JwtTest, AcceptsAnOlderKeyUntilItIsGone) {
  const std::string old = token();
  keys.insert(keys.begin(), SigningKey{"k0", Secret("newest")});
  EXPECT_TRUE(verify(old).has_value());
  keys.erase(keys.begin() + 1);
  EXPECT_FALSE(verify(old).has_value());
}

TEST_F(JwtTest, RefusesAnEmptySecret) {
  keys[0].secret = Secret();
  EXPECT_FALSE(verify(token()).has_value());
}

}  // namespace
}  // namespace sluice::crypto
