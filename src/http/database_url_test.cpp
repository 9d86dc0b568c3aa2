#include "http/database_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(std::string_view text) {
  const auto url = parse_database_url(text);
  return url ? "taken" : url.error().message;
}

TEST(DatabaseUrl, OfPostgresql) {
  const auto url = parse_database_url("postgresql://u:p%40ss@db.local:6432/ai?sslmode=require");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->kind, DatabaseUrl::Kind::kPostgresql);
  EXPECT_EQ(url->host, "db.local");
  EXPECT_EQ(url->port, 6432);
  EXPECT_EQ(url->user, "u");
  EXPECT_EQ(url->password.expose(), "p@ss");
  EXPECT_EQ(url->name, "ai");
  EXPECT_EQ(url->option("sslmode"), "require");
  EXPECT_EQ(url->shown(), "postgresql://u@db.local:6432/ai");
}

TEST(DatabaseUrl, PortsAndOtherNamesOfTheSchemes) {
  EXPECT_EQ(parse_database_url("postgres://u@h/d")->port, 5432);
  EXPECT_EQ(parse_database_url("mysql://u@h/d")->port, 3306);
  EXPECT_EQ(parse_database_url("mariadb://u@h/d")->kind, DatabaseUrl::Kind::kMysql);
  EXPECT_EQ(parse_database_url("mysql://u@[::1]:3307/d")->shown(), "mysql://u@[::1]:3307/d");
  EXPECT_TRUE(parse_database_url("postgresql:///d?host=/run/postgresql"));
  EXPECT_TRUE(parse_database_url("mysql://u@/d?socket=/run/mysqld/mysqld.sock"));
}

TEST(DatabaseUrl, WhatIsWrongIsSaidWithoutThePassword) {
  EXPECT_THAT(refusal("oracle://u@h/d"), HasSubstr("must begin with postgresql:// or mysql://"));
  EXPECT_THAT(refusal("mysql://u@h"), HasSubstr("names no database"));
  EXPECT_THAT(refusal("mysql://u@/d"), HasSubstr("names no host"));
  EXPECT_THAT(refusal("mysql://h/d"), HasSubstr("names no user"));
  EXPECT_THAT(refusal("mysql://u@h:0/d"), HasSubstr("port"));
  EXPECT_THAT(refusal("mysql://u@h/d?ssl-cam=x"), HasSubstr("did you mean \"ssl-ca\"?"));
  EXPECT_THAT(refusal("mysql://u@h/d?ssl-mode=VERIFY_CA"), HasSubstr("needs ssl-ca"));
  EXPECT_THAT(refusal("mysql://u@h/d?ssl-mode=on"), HasSubstr("ssl-mode must be"));
  EXPECT_THAT(refusal("mysql://u@h/d?ssl-cert=x"), HasSubstr("need each other"));
  EXPECT_THAT(refusal("mysql://u@h%3Bport%3D1/d"), HasSubstr("the host is not sound"));
  EXPECT_THAT(refusal("postgresql://u@h/d?sslmode=on"), HasSubstr("sslmode must be"));
  EXPECT_THAT(refusal("postgresql://u@h/d?sslmode=require&sslmode=disable"), HasSubstr("twice"));
  for (const char* url :
       {"mysql://u:hunter2/3@h/d", "mysql://u:hunter2#@h/d", "mysql://u:hunter2%@h/d",
        "postgresql://u:hunter2?@h/d", "postgresql://u:hunter2", "postgresql://u:hunter2@h:x/d"}) {
    EXPECT_NE(refusal(url), "taken") << url;
    EXPECT_THAT(refusal(url), Not(HasSubstr("hunter2"))) << url;
  }
}

TEST(DatabaseUrl, TakesTheModesOfTls) {
  for (const char* mode : {"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_IDENTITY"}) {
    EXPECT_EQ(parse_database_url(std::string("mysql://u@h/d?ssl-mode=") + mode)->option("ssl-mode"),
              mode);
  }
  EXPECT_TRUE(parse_database_url("mysql://u@h/d?ssl-mode=VERIFY_CA&ssl-ca=/ca.crt"));
}

TEST(DatabaseUrl, IsMadeOfItsPartsAndReadAgain) {
  const auto url = parse_database_url(mysql_url("db", "3307", "ro:ot", "p@ss/w?r#d%", "ai gw"));
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->user, "ro:ot");
  EXPECT_EQ(url->password.expose(), "p@ss/w?r#d%");
  EXPECT_EQ(url->name, "ai gw");
  EXPECT_EQ(url->port, 3307);
  EXPECT_EQ(parse_database_url(mysql_url("::1", "", "root", "", "d"))->host, "::1");
}

}  // namespace
}  // namespace sluice::http
