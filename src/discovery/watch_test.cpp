#include "discovery/watch.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "net/http_server.hpp"
#include "net/test_peer.hpp"

namespace sluice::discovery {
namespace {

using net::Task;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

class WatchTest : public testing::Test {
 protected:
  WatchTest() : upstream(test.loop), client(test.loop, blocking) {
    config.discovery.interval = milliseconds(1);
    config.discovery.timeout = std::chrono::seconds(20);
    config.discovery.services = {service("llm")};
  }

  config::Service service(std::string name) const {
    config::Service out;
    out.name = std::move(name);
    out.host = "127.0.0.1";
    out.port = upstream.port();
    return out;
  }

  void reload() { current = std::make_shared<const config::Config>(config); }

  /// Runs `body` while the watch runs.
  void run(Task<void> body) {
    reload();
    Watch watch(client, fleet);
    net::Scope scope(test.loop);
    net::TaskGroup group;
    const auto whole = [&](Task<void> inner) -> Task<void> {
      group.spawn(watch.run([this] { return current; }, scope));
      co_await inner;
      scope.cancel(net::CancelReason::kDraining);
      net::Scope join(test.loop);
      co_await group.empty(join);
    };
    test.run(whole(std::move(body)));
  }

  /// Answers the next request; returns it.
  Task<std::string> answer(int status, std::string body = "{}") {
    net::Peer peer(test.loop);
    co_await upstream.accept(peer);
    std::string request = co_await peer.read_through("\r\n\r\n");
    co_await peer.send(
        fmt::format("HTTP/1.1 {} X\r\ncontent-length: {}\r\n\r\n{}", status, body.size(), body));
    co_await peer.read_to_end();
    co_return request;
  }

  /// The state of the one worker that the fleet has; "none".
  std::string state() const {
    const auto all = fleet.list(now());
    if (all.size() != 1) return "none";
    return all[0].reason.empty() ? "well" : "unwell";
  }
  /// The next thing that the fleet is told.
  Task<void> told() {
    net::Scope scope(test.loop);
    co_await changed.wait(scope);
    changed.reset();
  }

  net::TestLoop test;
  net::TestListener upstream;
  net::BlockingPool blocking{1};
  net::HttpClient client;
  net::Event changed;
  workers::Fleet fleet{{}};
  config::Config config;
  config::ConfigPtr current;
};

TEST_F(WatchTest, RoutesToAServiceThatIsWellAndTellsItsModels) {
  config.workers.api_key = Secret("sesame");
  fleet.tell_free([this](TimePoint) { changed.set(); });
  const auto body = [&]() -> Task<void> {
    const std::string health = co_await answer(200);
    EXPECT_THAT(health, HasSubstr("GET /health HTTP/1.1\r\n"));
    EXPECT_THAT(health, HasSubstr(fmt::format("host: 127.0.0.1:{}\r\n", upstream.port())));
    EXPECT_THAT(health, Not(HasSubstr("sesame")));
    EXPECT_EQ(state(), "none");
    const std::string list = co_await answer(200, R"({"data":[{"id":"llama"}]})");
    EXPECT_THAT(list, HasSubstr("GET /v1/models HTTP/1.1\r\n"));
    EXPECT_THAT(list, HasSubstr("authorization: Bearer sesame\r\n"));
    co_await told();
    EXPECT_EQ(state(), "well");
    EXPECT_TRUE(fleet.serves("llama"));
    const auto all = fleet.list(now());
    EXPECT_TRUE(all.at(0).discovered);
    EXPECT_EQ(all.at(0).last.endpoint, fmt::format("http://127.0.0.1:{}", upstream.port()));
    // The models are known for a while.
    EXPECT_THAT(co_await answer(200), HasSubstr("GET /health "));
    EXPECT_THAT(co_await answer(200), HasSubstr("GET /health "));
  };
  run(body());
}

TEST_F(WatchTest, LooksForModelsWhereThereIsNoV1) {
  fleet.tell_free([this](TimePoint) { changed.set(); });
  const auto body = [&]() -> Task<void> {
    co_await answer(200);
    co_await answer(404);
    EXPECT_THAT(co_await answer(200, R"({"models":[{"name":"phi"}]})"), HasSubstr("GET /models "));
    co_await told();
    EXPECT_TRUE(fleet.serves("phi"));
  };
  run(body());
}

TEST_F(WatchTest, TakesAServiceOutAfterThreeBadChecksAndBackAfterTwoGoodOnes) {
  config.discovery.services[0].models = {"llama"};
  config.discovery.services[0].health_check = "/alive";
  fleet.tell_free([this](TimePoint) { changed.set(); });
  const auto body = [&]() -> Task<void> {
    const auto check = [&](int status) -> Task<std::string> {
      const std::string request = co_await answer(status);
      EXPECT_THAT(request, HasSubstr("GET /alive "));
      co_await told();
      co_return state();
    };
    EXPECT_EQ(co_await check(204), "well");
    EXPECT_EQ(co_await check(500), "well");
    EXPECT_EQ(co_await check(503), "well");
    EXPECT_EQ(co_await check(404), "unwell");
    EXPECT_FALSE(fleet.serves("llama"));
    EXPECT_EQ(co_await check(200), "unwell");
    EXPECT_EQ(co_await check(200), "well");
    EXPECT_TRUE(fleet.serves("llama"));
  };
  run(body());
}

TEST_F(WatchTest, CountsSilenceAsABadCheck) {
  config.discovery.services[0].models = {"llama"};
  config.discovery.timeout = milliseconds(2);
  fleet.tell_free([this](TimePoint) { changed.set(); });
  const auto body = [&]() -> Task<void> {
    net::Peer silent(test.loop);
    co_await upstream.accept(silent);
    co_await told();
    EXPECT_EQ(state(), "unwell");
  };
  run(body());
}

/// Is always well.
class Well final : public net::HttpHandler {
 public:
  Task<void> handle(net::HttpCall& call) override { co_await call.respond(200, {}, "fine"); }
  std::string render_refusal(int, std::string_view) override { return {}; }
};

TEST_F(WatchTest, FollowsAReload) {
  Well well;
  net::HttpServer server(test.loop, well);
  auto fd = net::listen_on("127.0.0.1", 0);
  ASSERT_TRUE(fd.has_value());
  config.discovery.services[0].port = net::local_port(*fd);
  config.discovery.services[0].models = {"llama"};
  server.start(*fd);
  fleet.tell_free([this](TimePoint) { changed.set(); });
  const auto body = [&]() -> Task<void> {
    co_await told();
    EXPECT_TRUE(fleet.serves("llama"));
    config.discovery.services[0].models = {"phi"};
    reload();
    while (!fleet.serves("phi")) co_await told();
    EXPECT_FALSE(fleet.serves("llama"));
    config.discovery.services.clear();
    reload();
    net::Scope scope(test.loop);
    while (!fleet.list(now()).empty()) {
      co_await net::Sleep(scope, test.loop.now() + milliseconds(1));
    }
    server.stop_accepting();
    co_await server.drained(scope);
  };
  run(body());
}

TEST_F(WatchTest, LeavesOutWhatItCannotSpeakTo) {
  config.discovery.services = {service("old"), service("llm")};
  config.discovery.services[0].protocol = "grpc";
  config.discovery.services[1].models = {"llama"};
  fleet.tell_free([this](TimePoint) { changed.set(); });
  const auto body = [&]() -> Task<void> {
    co_await answer(200);
    co_await told();
    EXPECT_EQ(state(), "well");
    config.discovery.services.erase(config.discovery.services.begin());
    reload();
    co_await answer(200);
    co_await told();
  };
  run(body());
}

}  // namespace
}  // namespace sluice::discovery
