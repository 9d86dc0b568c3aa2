#include "config/older_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr std::string_view kFile = R"(http:
  addr: ":18081"
  readTimeout: 30s
  writeTimeout: 120s
mysql:
  host: "db.internal"
  port: 3307
  user: "gate"
  password: ""
  database: "ai_gateway"
  charset: "utf8mb4"
  maxIdle: 10
  maxOpen: 100
auth:
  enabled: true
  jwtSecret: ""
)";

TEST(OlderNames, SayTheSameAsOptions) {
  const auto config =
      parsed(kFile, {{"DB_PASSWORD", "p@ss"}, {"JWT_SECRET", "a-secret-of-sixteen"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.port, 18081);
  EXPECT_EQ(config->server.host, "0.0.0.0");
  EXPECT_EQ(config->database_url.expose(), "mysql://gate:p%40ss@db.internal:3307/ai_gateway");
  EXPECT_EQ(config->database_pool, 100);
  EXPECT_EQ(config->auth.jwt_secret.expose(), "a-secret-of-sixteen");
  EXPECT_THAT(config->warnings, Contains(HasSubstr("http.addr: taken as server.host")));
  EXPECT_THAT(config->warnings, Contains(HasSubstr("mysql: taken as database.url")));
  EXPECT_THAT(config->warnings, Contains(HasSubstr("http.writeTimeout: has no effect")));
}

TEST(OlderNames, HaveTheirDefaults) {
  const auto config = parsed("mysql: {}\nhttp: { addr: \"127.0.0.1:80\" }\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->database_url.expose(), "mysql://root@localhost:3306/ai_gateway");
  EXPECT_EQ(config->server.host, "127.0.0.1");
  EXPECT_EQ(parsed("http: { addr: \"[::1]:80\" }")->server.host, "::1");
  EXPECT_EQ(parsed("auth: { jwtSecret: sixteen-characters }")->auth.jwt_secret.expose(),
            "sixteen-characters");
}

TEST(OlderNames, GiveWayToTheNamesOfToday) {
  const auto config = parsed(
      "server: { port: 1 }\nhttp: { addr: \":2\" }\nmysql: {}\n"
      "database: { url: \"sqlite:a.db\" }\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.port, 1);
  EXPECT_EQ(config->database_url.expose(), "sqlite:a.db");
  EXPECT_EQ(parsed("http: { addr: \":2\" }", {{"PORT", "3"}})->server.port, 3);
}

TEST(OlderNames, AreCheckedAsWell) {
  for (const auto& [file, what] : std::initializer_list<std::pair<const char*, const char*>>{
           {"http: { addr: \":many\" }", "port"},
           {"http: { addr: \"8081\" }", "HOST:PORT"},
           {"http: { address: \":1\" }", "unknown key \"address\" in http"},
           {"http: 5", "must be a section"},
           {"mysql: { hots: a }", "unknown key \"hots\" in mysql"},
           {"mysql: { charset: latin1 }", "utf8mb4"},
           {"mysql: { host: [a] }", "one value"},
           {"mysql: { maxOpen: lots }", "pool"}}) {
    const auto config = parsed(file);
    ASSERT_FALSE(config) << file;
    EXPECT_THAT(config.error().message, HasSubstr(what)) << file;
  }
}

}  // namespace
}  // namespace sluice::config
