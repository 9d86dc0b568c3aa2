#include "api/live_routes.hpp"

#include <gmock/gmock.h>

#include "api/test_gateway.hpp"

namespace sluice::api {
namespace {

using net::Task;
using testing::HasSubstr;
using testing::StartsWith;

/// A request that ends as soon as somebody wants it to.
class Willing final : public observe::LiveOwner {
 public:
  Willing(observe::LiveShard& shard, std::string_view id, observe::LiveEnded ended)
      : ended_(ended), entry_(shard.begin({.id = id, .owner = this})) {}
  void end(Told told) override {
    entry_.finish();
    told(ended_);
  }
  bool running() const { return static_cast<bool>(entry_); }

 private:
  observe::LiveEnded ended_;
  observe::LiveEntry entry_;
};

class LiveRoutesTest : public testing::Test {
 protected:
  LiveRoutesTest() { gateway.config.auth.admin_token = Secret("sesame"); }
  observe::LiveShard& shard() { return *gateway.service.loops.front().live; }

  TestGateway gateway;
  const std::string token = "authorization: Bearer sesame\r\n";
};

TEST_F(LiveRoutesTest, EndsARequestAndTellsWhatItCost) {
  Willing wanted(shard(), "req-1", {std::chrono::microseconds(250), 1'500'000'000, 500'000'000});
  Willing other(shard(), "req-2", {});
  const auto body = [&]() -> Task<void> {
    const std::string answer = co_await gateway.ask("POST /api/live/req-1/cancel", token);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(answer, HasSubstr(R"({"requests":1,"closed_after_us":250,"charged":"1.5",)"
                                  R"("returned":"0.5"})"));
    EXPECT_FALSE(wanted.running());
    EXPECT_TRUE(other.running());
    EXPECT_THAT(co_await gateway.ask("POST /api/live/req-1/cancel", token),
                StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(co_await gateway.ask("DELETE /api/live/req-2", token), StartsWith("HTTP/1.1 200 "));
  };
  gateway.run(body());
}

TEST_F(LiveRoutesTest, EndsAllThatAClientGaveTheSameId) {
  Willing a(shard(), "same", {std::chrono::microseconds(10), 1, 5});
  Willing b(shard(), "same", {std::chrono::microseconds(30), 2, 7});
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("POST /api/live/same/cancel", token),
                HasSubstr(R"({"requests":2,"closed_after_us":30,"charged":"0.000000003",)"
                          R"("returned":"0.000000012"})"));
  };
  gateway.run(body());
}

TEST_F(LiveRoutesTest, IsForAdministratorsAlone) {
  Willing wanted(shard(), "req-1", {});
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("POST /api/live/req-1/cancel"), StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(co_await gateway.ask("DELETE /api/live/req-1"), StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(co_await gateway.ask("GET /api/live/req-1/cancel", token),
                HasSubstr("allow: POST\r\n"));
    EXPECT_THAT(co_await gateway.ask("GET /api/live/req-1", token), HasSubstr("allow: DELETE\r\n"));
    EXPECT_THAT(co_await gateway.ask("POST /api/live//cancel", token), StartsWith("HTTP/1.1 404 "));
    EXPECT_TRUE(wanted.running());
  };
  gateway.run(body());
}

}  // namespace
}  // namespace sluice::api
