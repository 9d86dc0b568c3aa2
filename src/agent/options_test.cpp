#include "agent/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sluice::agent {
namespace {

using testing::HasSubstr;

class AgentOptions : public testing::Test {
 protected:
  void SetUp() override { unsetenv("SLUICE_WORKER_TOKEN"); }
  void TearDown() override {
    unsetenv("SLUICE_WORKER_TOKEN");
    std::filesystem::remove(file_);
  }
  Options good() const {
    Options options;
    options.gateways = {"http://gw:8080"};
    return options;
  }
  std::string why(const Options& options) const {
    const auto plan = make_plan(options);
    EXPECT_FALSE(plan.has_value());
    return plan ? "" : plan.error().message;
  }
  std::string token_file(std::string_view text) const {
    std::ofstream(file_, std::ios::binary) << text;
    return file_;
  }

 private:
  std::string file_ = testing::TempDir() + "agent_token_" + std::to_string(getpid());
};

TEST_F(AgentOptions, NeedAGatewayOrSomebodyWhoReads) {
  EXPECT_THAT(why({}), HasSubstr("--gateway is missing"));
  Options options;
  options.print = true;
  EXPECT_TRUE(make_plan(options).has_value());
}

TEST_F(AgentOptions, NameTheOneThatIsWrong) {
  Options options = good();
  options.gateways.emplace_back("gw:8080");
  EXPECT_THAT(why(options), HasSubstr("--gateway: "));
  options = good();
  options.engine_url = "ftp://x";
  EXPECT_THAT(why(options), HasSubstr("--engine-url: "));
  options = good();
  options.endpoint = "http://user:secret@10.0.0.1";
  EXPECT_THAT(why(options), HasSubstr("--endpoint: "));
  options = good();
  options.engine = "vlm";
  EXPECT_THAT(why(options), HasSubstr("did you mean vllm?"));
  options = good();
  options.id = "two words";
  EXPECT_THAT(why(options), HasSubstr("--id: "));
  options = good();
  options.ca_file = "no-such-file.pem";
  EXPECT_THAT(why(options), HasSubstr("--ca-file: "));
}

TEST_F(AgentOptions, TakeUrlsWithAndWithoutTheVersion) {
  Options options = good();
  options.gateways = {"http://gw:8080/v1", "http://gw2:8080/under/"};
  options.engine_url = "http://127.0.0.1:8000/v1/";
  const auto plan = make_plan(options);
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  EXPECT_EQ(plan->gateways[0].path, "");
  EXPECT_EQ(plan->gateways[1].path, "/under");
  EXPECT_EQ(plan->engine_site.path, "");
}

TEST_F(AgentOptions, TakeTheTokenOfTheFileBeforeThatOfTheEnvironment) {
  setenv("SLUICE_WORKER_TOKEN", "from-environment", 1);
  EXPECT_EQ(make_plan(good())->token.expose(), "from-environment");
  Options options = good();
  options.token_file = token_file("from-file\n");
  EXPECT_EQ(make_plan(options)->token.expose(), "from-file");

  options.token_file = token_file("");
  EXPECT_THAT(why(options), HasSubstr("is empty"));
  options.token_file = token_file(std::string(10'000, 'x'));
  EXPECT_THAT(why(options), HasSubstr("too long"));
  options.token_file = token_file("two\nlines");
  EXPECT_THAT(why(options), HasSubstr("no token has such characters"));
  options.token_file = "no-such-file";
  EXPECT_THAT(why(options), HasSubstr("No such file"));
}

TEST_F(AgentOptions, TakeTheGpusThatCudaShowsUnlessOthersAreNamed) {
  setenv("CUDA_VISIBLE_DEVICES", "1", 1);
  const auto visible = make_plan(good());
  Options options = good();
  options.gpus = "all";
  const auto all = make_plan(options);
  unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_FALSE(visible->gpus.includes(0, "GPU-a"));
  EXPECT_TRUE(visible->gpus.includes(1, "GPU-b"));
  EXPECT_TRUE(all->gpus.includes(0, "GPU-a"));
  EXPECT_TRUE(make_plan(good())->gpus.includes(0, "GPU-a"));
}

TEST_F(AgentOptions, CallTheWorkerAsTheMachineIsCalled) {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  EXPECT_EQ(make_plan(good())->id, name);
}

}  // namespace
}  // namespace sluice::agent
