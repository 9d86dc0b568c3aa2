#include "api/scale_webhook.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "api/fleet_keeper.hpp"
#include "json/slices.hpp"
#include "net/test_server.hpp"

namespace sluice::api {
namespace {

using net::Task;
using testing::ElementsAre;

class ScaleWebhooks : public testing::Test {
 protected:
  ScaleWebhooks()
      : client_(server_.loop(), blocking_), webhook_(client_, std::chrono::microseconds(100)) {
    const auto keep = [this](net::HttpCall& call) -> Task<void> {
      EXPECT_EQ(call.head().path(), "/hook");
      const auto body = co_await call.read_body(net::TestServer::kMaxBody);
      if (!body) co_return;
      bodies_.push_back(*body);
      const int status = failures_-- > 0 ? 500 : 204;
      co_await call.respond(status, {}, {});
      if (bodies_.size() >= expected_) arrived_.set();
    };
    server_.on_call = keep;
    url_ = fmt::format("http://127.0.0.1:{}/hook", server_.port());
  }

  static workers::QueueFigures figures(bool saturated, int desired, std::string model = "m") {
    workers::QueueFigures figures;
    figures.model = std::move(model);
    figures.depth = {2, 3, 0};
    figures.oldest = std::chrono::milliseconds(1500);
    figures.saturation = saturated ? 1 : 0.5;
    figures.saturated = saturated;
    figures.workers = 3;
    figures.desired_workers = desired;
    return figures;
  }
  void look(std::vector<workers::QueueFigures> figures) {
    webhook_.look(figures, url_, server_.loop());
  }
  /// Until so many messages have come in all.
  Task<void> messages(size_t count) {
    expected_ = count;
    if (bodies_.size() >= count) co_return;
    arrived_.reset();
    net::Scope scope(server_.loop());
    co_await arrived_.wait(scope);
  }
  /// Runs `body`; whatever is sent then is waited for.
  void run(Task<void> body) {
    const auto whole = [this](Task<void> inner) -> Task<void> {
      co_await inner;
      co_await webhook_.end();
    };
    server_.run(whole(std::move(body)));
  }

  net::TestServer server_;
  net::BlockingPool blocking_{1};
  net::HttpClient client_;
  ScaleWebhook webhook_;
  std::string url_;
  std::vector<std::string> bodies_;
  int failures_ = 0;
  size_t expected_ = 1;
  net::Event arrived_;
};

TEST_F(ScaleWebhooks, ToldWhenAModelIsSaturated) {
  const auto body = [this]() -> Task<void> {
    look({figures(false, 2)});
    look({figures(true, 5)});
    co_await messages(1);
  };
  run(body());
  ASSERT_EQ(bodies_.size(), 1U);
  ASSERT_TRUE(json::valid(bodies_[0]));
  const json::Value message(bodies_[0]);
  EXPECT_EQ(message["model"].as_string(), "m");
  EXPECT_EQ(message["saturation"].raw(), "1");
  EXPECT_EQ(message["saturated"].raw(), "true");
  EXPECT_EQ(message["queue_depth"].as_int(), 5);
  EXPECT_EQ(message["oldest_wait_seconds"].raw(), "1.5");
  EXPECT_EQ(message["workers"].as_int(), 3);
  EXPECT_EQ(message["desired_workers"].as_int(), 5);
  EXPECT_TRUE(message["time"].as_string()->ends_with("Z"));
}

TEST_F(ScaleWebhooks, OneModelIsToldOfOnceInAWhileAndOthersMeanwhile) {
  const auto body = [this]() -> Task<void> {
    look({figures(true, 5), figures(false, 0, "n")});
    look({figures(true, 6), figures(false, 0, "n")});
    co_await messages(1);
    look({figures(true, 7), figures(true, 1, "n")});
    co_await messages(2);
  };
  run(body());
  ASSERT_EQ(bodies_.size(), 2U);
  EXPECT_EQ(json::Value(bodies_[0])["desired_workers"].as_int(), 5);
  EXPECT_EQ(json::Value(bodies_[1])["model"].as_string(), "n");
}

TEST_F(ScaleWebhooks, AnsweredWithAnErrorItIsSentAgain) {
  failures_ = 2;
  const auto body = [this]() -> Task<void> {
    look({figures(true, 5)});
    co_await messages(3);
  };
  run(body());
  EXPECT_THAT(bodies_, ElementsAre(bodies_[0], bodies_[0], bodies_[0]));
}

TEST_F(ScaleWebhooks, AfterThreeRetriesItIsLeft) {
  failures_ = 100;
  const auto body = [this]() -> Task<void> {
    look({figures(true, 5)});
    co_await messages(4);
    // Another model's message comes after all that the first will send.
    failures_ = 0;
    look({figures(true, 5), figures(true, 1, "n")});
    co_await messages(5);
  };
  run(body());
  ASSERT_EQ(bodies_.size(), 5U);
  EXPECT_EQ(json::Value(bodies_[4])["model"].as_string(), "n");
}

TEST_F(ScaleWebhooks, WhatIsOnItsWayIsGivenUpAtTheEnd) {
  const auto silent = [this](net::HttpCall& call) -> Task<void> {
    arrived_.set();
    net::Event never;
    co_await never.wait(call.scope());
  };
  server_.on_call = silent;
  const auto body = [this]() -> Task<void> {
    look({figures(true, 5)});
    co_await messages(1);
  };
  run(body());
  EXPECT_TRUE(bodies_.empty());
}

TEST_F(ScaleWebhooks, TheKeeperTellsItOfWorkersThatAreFull) {
  workers::Fleet fleet({.exploration = 0});
  workers::Dispatcher dispatcher(fleet, {});
  workers::Heartbeat worker;
  worker.worker_id = "w";
  worker.supported = {"m"};
  worker.max_tasks = 1;
  worker.endpoint = "http://127.0.0.1:1";
  fleet.discovered(worker, true, now());
  const auto ask = [&] { return dispatcher.ask({.model = "m"}, now(), [] {}); };
  const workers::Verdict first = ask();
  const workers::Verdict second = ask();
  ASSERT_EQ(second.kind, workers::Verdict::kQueued);

  FleetKeeper keeper(client_, dispatcher);
  auto config = std::make_shared<config::Config>();
  config->routing.scale_webhook = url_;
  const auto body = [&]() -> Task<void> {
    net::Scope scope(server_.loop());
    net::TaskGroup group;
    group.spawn(keeper.run([&] { return config; }, scope));
    co_await messages(1);
    scope.cancel(net::CancelReason::kDraining);
    net::Scope join(server_.loop());
    co_await group.empty(join);
  };
  run(body());
  ASSERT_EQ(bodies_.size(), 1U);
  EXPECT_EQ(json::Value(bodies_[0])["queue_depth"].as_int(), 1);
  EXPECT_EQ(json::Value(bodies_[0])["desired_workers"].as_int(), 3);
}

TEST_F(ScaleWebhooks, TheKeeperForgetsWorkersThatAreSilent) {
  workers::Fleet fleet({.ttl = std::chrono::milliseconds(1), .exploration = 0});
  workers::Dispatcher dispatcher(fleet, {});
  workers::Heartbeat worker;
  worker.worker_id = "w";
  worker.supported = {"m"};
  worker.endpoint = "http://127.0.0.1:1";
  ASSERT_TRUE(fleet.heartbeat(worker, now() - std::chrono::hours(1), 0));
  ASSERT_EQ(fleet.list(now()).size(), 1U);

  FleetKeeper keeper(client_, dispatcher);
  auto config = std::make_shared<config::Config>();
  config->workers.cleanup_interval = std::chrono::milliseconds(1);
  net::Event swept;
  const auto body = [&]() -> Task<void> {
    net::Scope scope(server_.loop());
    net::TaskGroup group;
    const auto current = [&] {
      if (fleet.list(now()).empty()) swept.set();
      return config;
    };
    group.spawn(keeper.run(current, scope));
    net::Scope wait(server_.loop());
    co_await swept.wait(wait);
    scope.cancel(net::CancelReason::kDraining);
    net::Scope join(server_.loop());
    co_await group.empty(join);
  };
  run(body());
  EXPECT_TRUE(fleet.list(now()).empty());
}

}  // namespace
}  // namespace sluice::api
