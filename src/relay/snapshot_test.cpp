#include "relay/snapshot.hpp"

#include <gmock/gmock.h>

namespace sluice::relay {
namespace {

using testing::HasSubstr;

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() {
    provider.name = "a";
    provider.base_url = "http://upstream:8000/v1";
  }
  Result<SnapshotPtr> make(int loops = 1) {
    config.providers = {provider};
    auto clients = clients_of_config(config, registry);
    if (!clients) return std::unexpected(clients.error());
    return make_snapshot(std::make_shared<const config::Config>(config), std::move(*clients), loops,
                         targets);
  }
  std::string refusal() {
    const auto made = make();
    return made ? "" : made.error().message;
  }
  config::Config config;
  config::Provider provider;
  quota::Registry registry;
  route::TargetStates targets;
};

TEST_F(SnapshotTest, NamesTheProviderAndFieldThatCannotBeUsed) {
  provider.base_url = "ftp://x";
  EXPECT_THAT(refusal(), HasSubstr("provider a: base_url: "));
  provider.base_url = "https://x";
  provider.ca_file = "/nonexistent.pem";
  EXPECT_THAT(refusal(), HasSubstr("provider a: ca_file: "));
  provider.ca_file = "";
  provider.proxy = "https://proxy";
  EXPECT_THAT(refusal(), HasSubstr("provider a: proxy: "));
}

TEST_F(SnapshotTest, RefusesConfiguredFieldsThatWouldBreakTheFraming) {
  for (const char* name : {"Content-Length", "transfer-encoding", "Connection", "Expect"}) {
    provider.headers = {{name, "x"}};
    EXPECT_THAT(refusal(), HasSubstr("provider a: headers: ")) << name;
  }
  provider.headers = {{"x-team", "blue"}};
  EXPECT_EQ(refusal(), "");
}

TEST_F(SnapshotTest, SendsTheWholeAddressToAPlainProxyOnly) {
  provider.proxy = "http://proxy:3128";
  const auto plain = make();
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ((*plain)->upstreams[0]->target_prefix, "http://upstream:8000");
  EXPECT_EQ((*plain)->upstreams[0]->origin.proxy->host, "proxy");
  provider.base_url = "https://upstream/v1";
  const auto tunnelled = make();
  ASSERT_TRUE(tunnelled.has_value());
  EXPECT_EQ((*tunnelled)->upstreams[0]->target_prefix, "");
  EXPECT_NE((*plain)->upstreams[0]->origin.pool_key, (*tunnelled)->upstreams[0]->origin.pool_key);
}

TEST_F(SnapshotTest, SharesThePoolAmongLoops) {
  provider.pool = {.max_idle = 100, .max_idle_per_host = 10};
  const auto made = make(8);
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ((*made)->upstreams[0]->origin.max_idle, 13U);
  EXPECT_EQ((*made)->upstreams[0]->origin.max_idle_per_host, 2U);
  provider.pool.max_idle = 0;
  EXPECT_EQ((*make(8))->upstreams[0]->origin.max_idle, 0U);
}

}  // namespace
}  // namespace sluice::relay
