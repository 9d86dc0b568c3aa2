// Who may use how much, what it costs, and where that is kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using testing::HasSubstr;

std::string url_of(std::string_view yaml) {
  const auto config = parsed(yaml);
  return config ? std::string(config->database_url.expose()) : config.error().message;
}

std::string model(std::string_view options) {
  return fmt::format("models:\n  - {{ name: m, {} }}\n", options);
}

std::string key(std::string_view options) {
  return fmt::format("keys:\n  - {{ key: k, name: n, {} }}\n", options);
}

TEST(DatabaseUrl, LiesInTheDataDir) {
  EXPECT_EQ(url_of("data_dir: /var/lib/x"), "sqlite:/var/lib/x/sluice.db");
  EXPECT_EQ(url_of("{ data_dir: /d, database: { url: 'sqlite:{data_dir}/{data_dir}.db' } }"),
            "sqlite:/d//d.db");
  EXPECT_EQ(url_of("database: { url: 'sqlite:/elsewhere/my books.db' }"),
            "sqlite:/elsewhere/my books.db");
  // What is put in is not looked at again.
  EXPECT_EQ(url_of("data_dir: '{data_dir}'"), "sqlite:{data_dir}/sluice.db");
}

TEST(DatabaseUrl, OfAServerIsTakenAsItIs) {
  for (const char* url :
       {"postgresql://u:hunter2@h/{data_dir}", "mysql://u:hunter2@h:3307/db?connect_timeout=3"}) {
    EXPECT_EQ(url_of(fmt::format("database:\n  url: '{}'\n", url)), url);
  }
}

TEST(DatabaseUrl, OfAServerThatIsWrongIsRefusedWithoutShowingItsPassword) {
  const std::string said = errors("database:\n  url: 'postgresql://u:hunter2@h:port/db'\n");
  EXPECT_THAT(said, testing::StartsWith("test.yaml:2:8: database.url the port is no number"));
  EXPECT_THAT(said, testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(errors("database: { url: 'mysql://u@h/db?sslmode=require' }"),
              HasSubstr("unknown option \"sslmode\"; did you mean \"ssl-mode\"?"));
}

TEST(DatabaseUrl, IsMadeOfTheOldEnvironment) {
  const auto url = [](std::map<std::string, std::string, std::less<>> variables) {
    const auto config = parsed("database: { url: 'sqlite:x.db' }", std::move(variables));
    return config ? std::string(config->database_url.expose()) : config.error().message;
  };
  EXPECT_EQ(url({{"DB_HOST", "db"}}), "mysql://root@db/ai_gateway");
  EXPECT_EQ(url({{"DB_HOST", "db"},
                 {"DB_PORT", "3307"},
                 {"DB_USER", "u"},
                 {"DB_PASSWORD", "p@ss word"},
                 {"DB_NAME", "books"}}),
            "mysql://u:p%40ss%20word@db:3307/books");
  EXPECT_EQ(url({{"DB_USER", "u"}}), "sqlite:x.db");
}

TEST(Spool, LiesInTheDataDir) {
  EXPECT_EQ(parsed("data_dir: /d")->ledger.spool, "/d/spool.db");
  EXPECT_EQ(parsed("database: { pool: 3 }")->database_pool, 3);
}

TEST(DatabaseUrl, NamesAFile) {
  for (const char* url : {"sqlite:", "sluice.db", "oracle:x", "file:sluice.db"}) {
    EXPECT_THAT(errors(fmt::format("database: {{ url: '{}' }}", url)),
                HasSubstr("database.url must be sqlite:PATH"))
        << url;
  }
  EXPECT_THAT(errors("database: { url: 'sqlite::memory:' }"), HasSubstr("must name a file"));
  EXPECT_THAT(errors("database: { url: 'sqlite:a.db?mode=ro' }"), HasSubstr("must name a file"));
}

TEST(Ledger, SurvivesTheProcessUnlessToldMore) {
  EXPECT_EQ(parsed("")->ledger.durability, LedgerDurability::kProcess);
  EXPECT_EQ(parsed("ledger: { durability: power }")->ledger.durability, LedgerDurability::kPower);
  EXPECT_THAT(errors("ledger: { durability: powr }"), HasSubstr("did you mean \"power\"?"));
}

TEST(Billing, AllowsUnpricedModelsUnlessToldOtherwise) {
  EXPECT_FALSE(parsed("")->billing.refuse_unpriced);
  EXPECT_TRUE(parsed("billing: { unpriced: refuse }")->billing.refuse_unpriced);
}

TEST(Limiter, IsReadFromFileAndEnvironment) {
  const auto standard = parsed("");
  EXPECT_FALSE(standard->limiter.enabled);
  EXPECT_EQ(standard->limiter.requests_per_minute, 60);
  EXPECT_EQ(standard->limiter.burst, 10);
  EXPECT_EQ(standard->limiter.default_rate, 1000);
  EXPECT_EQ(standard->limiter.max_rate, 10'000);
  const auto config =
      parsed("limiter: { enabled: true, burst: 3 }", {{"RATE_LIMIT_REQUESTS_PER_MINUTE", "7"}});
  EXPECT_TRUE(config->limiter.enabled);
  EXPECT_EQ(config->limiter.requests_per_minute, 7);
  EXPECT_EQ(config->limiter.burst, 3);
}

TEST(Disconnects, CancelUnlessToldToDrain) {
  EXPECT_FALSE(parsed("")->routing.drain_on_disconnect);
  EXPECT_TRUE(parsed("routing: { on_disconnect: drain }")->routing.drain_on_disconnect);
}

TEST(Allowance, IsUnlimitedUnlessGiven) {
  const auto config = parsed(R"(
keys:
  - { key: a, name: a }
  - { key: b, name: b, quota_tokens: 0, rpm: 1, tpm: 2, max_parallel: 3, user: ann@example.com }
  - { key: c, name: c, quota_tokens: 1000000000000000, user: Jürgen K }
  - { key: d, name: d, quota_tokens: null }
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->keys[0].quota_tokens, std::nullopt);
  EXPECT_EQ(config->keys[0].rpm, 0);
  EXPECT_EQ(config->keys[0].user, "");
  const Key& limited = config->keys[1];
  EXPECT_EQ(limited.quota_tokens, 0);
  EXPECT_EQ(limited.rpm, 1);
  EXPECT_EQ(limited.tpm, 2);
  EXPECT_EQ(limited.max_parallel, 3);
  EXPECT_EQ(limited.user, "ann@example.com");
  EXPECT_EQ(config->keys[2].quota_tokens, 1'000'000'000'000'000);
  EXPECT_EQ(config->keys[2].user, "Jürgen K");
  EXPECT_EQ(config->keys[3].quota_tokens, std::nullopt);
}

TEST(Allowance, IsInMoneyToo) {
  const auto config = parsed(R"(
keys:
  - { key: a, name: a, quota_usd: null, budgets: {} }
  - { key: b, name: b, quota_usd: 0, budgets: { day: "0.000000001", month: 12.5 } }
  - { key: c, name: c, user: ann, team: red }
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->keys[0].quota_usd, std::nullopt);
  EXPECT_EQ(config->keys[0].budget_day, std::nullopt);
  const Key& limited = config->keys[1];
  EXPECT_EQ(limited.quota_usd, Money{0});
  EXPECT_EQ(limited.budget_day, Money{1});
  EXPECT_EQ(limited.budget_week, std::nullopt);
  EXPECT_EQ(limited.budget_month, Money{12'500'000'000});
  EXPECT_EQ(config->keys[2].team, "red");
  EXPECT_EQ(limited.team, "");
  for (const char* wrong : {"quota_usd: -1", "quota_usd: many", "budgets: { day: -1 }",
                            "budgets: { year: 1 }", "budgets: 5", "team: red"}) {
    EXPECT_FALSE(parsed(fmt::format("keys: [{{ key: a, name: a, {} }}]", wrong))) << wrong;
  }
}

TEST(Allowance, IsAWholeNumberThatCounts) {
  for (const char* option : {"quota_tokens", "rpm", "tpm", "max_parallel"}) {
    for (const char* value : {"-1", "1.5", "1e3", "many", "1000000000000001", "9007199254740993",
                              "99999999999999999999", "'5'"}) {
      EXPECT_THAT(
          errors(key(fmt::format("{}: {}", option, value))),
          testing::StartsWith(fmt::format("test.yaml:2:{}: keys.0.{} must be a whole number",
                                          26 + std::string_view(option).size(), option)))
          << option << ' ' << value;
    }
  }
}

TEST(Allowance, NamesAUser) {
  EXPECT_THAT(errors(key("user: ' ann'")), HasSubstr("keys.0.user may hold at most 128 bytes"));
  EXPECT_THAT(errors(key("user: \"a\\nb\"")), HasSubstr("keys.0.user must be one line of text"));
  EXPECT_THAT(errors(key("user: " + std::string(129, 'a'))), HasSubstr("at most 128 bytes"));
  EXPECT_EQ(errors(key("user: " + std::string(128, 'a'))), "");
}

TEST(Models, AreNamedOnce) {
  const auto config = parsed("models: [{ name: a }, { name: b, context: 5, max_output: 4 }]");
  ASSERT_EQ(config->models.size(), 2U);
  EXPECT_EQ(config->models[0].context, 0);
  EXPECT_EQ(config->models[1].name, "b");
  EXPECT_EQ(config->models[1].context, 5);
  EXPECT_EQ(config->models[1].max_output, 4);
  EXPECT_EQ(errors("models:\n  - { name: a }\n  - { name: a }\n"),
            "test.yaml:3:13: there are two models named \"a\"");
}

TEST(Prices, AreExact) {
  const auto config = parsed(R"(
models:
  - { name: a, input: 0.1, output: "0.000000001", cache_read: 0, cache_write: 1000000 }
  - { name: b, input: "2.50", output: 10 }
  - { name: c }
  - { name: d, input: 0, output: 0 }
)");
  ASSERT_TRUE(config) << config.error().message;
  const ModelPrice& given = *config->models[0].price;
  EXPECT_EQ(given.input.nanos, 100'000'000);
  EXPECT_EQ(given.output.nanos, 1);
  EXPECT_EQ(given.cache_read.nanos, 0);
  EXPECT_EQ(given.cache_write.nanos, 1'000'000'000'000'000);
  const ModelPrice& plain = *config->models[1].price;
  EXPECT_EQ(plain.cache_read.nanos, 2'500'000'000);
  EXPECT_EQ(plain.cache_write.nanos, 2'500'000'000);
  EXPECT_FALSE(config->models[2].price);
  EXPECT_TRUE(config->models[3].price);
}

TEST(Prices, ThatMakeNoSenseAreRefused) {
  for (const char* value : {"-1", "-0", "1e3", "1E-9", ".nan", "NaN", ".inf", "0.0000000001", ".5",
                            "5.", "'1,5'", "' 1'", "0x10", "1000000.000000001", "9223372037",
                            "99999999999999999999999", "'$2'", "''"}) {
    for (const char* option : {"input", "output", "cache_read", "cache_write"}) {
      EXPECT_THAT(errors(model(fmt::format("{}: {}", option, value))),
                  HasSubstr(fmt::format("models.0.{} must be an amount such as 2.50, with at most "
                                        "nine decimals, from 0 to 1000000",
                                        option)))
          << option << ' ' << value;
    }
  }
}

TEST(Prices, NeedBothHalves) {
  EXPECT_EQ(errors(model("input: 1")),
            "test.yaml:2:23: models.0 has input and no output: a price needs both, and 0 is one");
  EXPECT_EQ(errors(model("output: 1")),
            "test.yaml:2:24: models.0 has output and no input: a price needs both, and 0 is one");
  EXPECT_EQ(errors(model("cache_read: 1")), "test.yaml:2:28: models.0 has cache_read and no input");
  EXPECT_THAT(errors(model("cache_write: 1, output: 2")),
              testing::AllOf(HasSubstr("has cache_write and no input"),
                             HasSubstr("has output and no input")));
}

}  // namespace
}  // namespace sluice::config
