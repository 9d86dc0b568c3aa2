#include "admin/client.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "json/slices.hpp"
#include "store/test_store.hpp"

namespace sluice::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A folder with a configuration file, and no gateway in it.
class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    options.file = folder.file("gateway.yaml");
    write("");
    config = config::load(options).value();
  }
  void write(const std::string& more) {
    std::ofstream(*options.file) << "data_dir: " << folder.file("data") << "\n"
                                 << "providers:\n"
                                 << "  - { name: main, type: openai, api_keys: [sk-of-the-file] }\n"
                                 << more;
  }
  Client open() {
    const auto probe = [this](const config::Provider& provider,
                              const std::string& model) -> Result<ProbeReport> {
      probed = provider.name + ' ' + model;
      ProbeReport report;
      report.asked = "GET http://x/models";
      report.keys.resize(provider.api_keys.size());
      report.verdict = {.status = 401, .problem = "unauthorized", .message = "no", .said = {}};
      if (!report.keys.empty()) report.keys[0].verdict = report.verdict;
      return report;
    };
    return Client::open(config, {.options = options, .probe = probe}).value();
  }
  std::string code(const Result<Reply>& reply) {
    return reply ? "done" : std::string(to_string(reply.error().code));
  }

  store::testing::TempFolder folder;
  config::LoadOptions options;
  config::Config config;
  std::string probed;
};

TEST_F(ClientTest, ChangesTheConfigurationWhereNoGatewayRuns) {
  {
    Client client = open();
    EXPECT_FALSE(client.through_gateway());
    const auto made = client.ask({.method = "POST",
                                  .target = "/api/admin/providers",
                                  .body = R"({"name":"second","type":"anthropic"})"});
    ASSERT_TRUE(made) << made.error().message;
    const auto rule = client.ask({.method = "POST",
                                  .target = "/api/admin/routing/rules",
                                  .body = R"({"type":"exact","pattern":"m","target":"second"})"});
    EXPECT_TRUE(rule) << rule.error().message;
    const auto bad = client.ask({.method = "POST",
                                 .target = "/api/admin/routing/rules",
                                 .body = R"({"type":"exact","pattern":"n","target":"nowhere"})"});
    ASSERT_FALSE(bad) << "it is checked against file and database";
    EXPECT_EQ(bad.error().param, "target");
  }
  Client again = open();
  const auto list = again.ask({.method = "GET", .target = "/api/admin/providers"});
  ASSERT_TRUE(list);
  EXPECT_THAT(list->body, HasSubstr(R"("name":"main")"));
  EXPECT_THAT(list->body, HasSubstr(R"("name":"second")"));
  const auto settings = again.ask({.method = "GET", .target = "/api/admin/settings"});
  ASSERT_TRUE(settings);
  EXPECT_THAT(settings->body, HasSubstr(R"("source":"database")"));
  EXPECT_THAT(settings->body, Not(HasSubstr("sk-of-the-file")));
  const auto audit = again.ask({.method = "GET", .target = "/api/admin/audit"});
  ASSERT_TRUE(audit);
  EXPECT_THAT(audit->body, HasSubstr("POST /api/admin/routing/rules"));
}

TEST_F(ClientTest, TestsAProviderByTheGivenProbe) {
  Client client = open();
  const auto reply = client.ask(
      {.method = "POST", .target = "/api/admin/providers/main/test", .body = R"({"model":"m"})"});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(probed, "main m");
  const json::Value told(reply->body);
  EXPECT_EQ(told["problem"].as_string(), "unauthorized");
  EXPECT_EQ(told["ok"].as_bool(), false);
  EXPECT_THAT(reply->body, Not(HasSubstr("sk-of-the-file")));
  EXPECT_EQ(code(client.ask({.method = "POST", .target = "/api/admin/providers/other/test"})),
            "not_found");
}

TEST_F(ClientTest, NeedsToKnowWhichFile) {
  Client client = Client::open(config).value();
  EXPECT_EQ(code(client.ask({.method = "GET", .target = "/api/admin/providers"})), "not_found");
  EXPECT_EQ(code(client.ask({.method = "GET", .target = "/api/admin/wallets"})), "done");
}

TEST_F(ClientTest, AFileThatIsBrokenStopsOnlyWhatNeedsIt) {
  Client client = open();
  write("nonsense: 1\n");
  EXPECT_EQ(code(client.ask({.method = "GET", .target = "/api/admin/wallets"})), "done");
  EXPECT_EQ(code(client.ask({.method = "GET", .target = "/api/admin/providers"})), "config_error");
}

}  // namespace
}  // namespace sluice::admin
