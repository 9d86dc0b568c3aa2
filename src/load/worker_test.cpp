#include "load/worker.hpp"

#include <gtest/gtest.h>

#include "load/report.hpp"
#include "load/test_upstream.hpp"

namespace sluice::load {
namespace {

using std::chrono::milliseconds;

Tally load(Options options) {
  EXPECT_TRUE(complete(options));
  const auto request = make_request(options);
  EXPECT_TRUE(request);
  net::BlockingPool pool(1);
  Share share{.index = 0,
              .concurrency = options.concurrency,
              .rate = options.rate,
              .requests = options.requests};
  Window window;
  window.start = now();
  window.begin = window.start + options.warmup;
  window.end =
      options.duration == Duration::zero() ? TimePoint::max() : window.begin + options.duration;
  Worker worker(options, *request, pool, share, window);
  worker.run([](bool) {});
  return worker.tally();
}

Options options_for(const Upstream& upstream, uint64_t requests) {
  Options options;
  options.url = upstream.url();
  options.requests = requests;
  options.concurrency = 4;
  options.timeout = std::chrono::seconds(10);
  return options;
}

uint64_t count(const Tally& tally, Failure failure) {
  return tally.failed[static_cast<size_t>(failure)];
}

TEST(Load, CountsEveryAnswerAndEventOfACleanRun) {
  Upstream upstream(StreamOf{5});
  const Tally tally = load(options_for(upstream, 50));
  EXPECT_EQ(upstream.requests(), 50U);
  EXPECT_EQ(tally.started, 50U);
  EXPECT_EQ(tally.ok, 50U);
  EXPECT_EQ(tally.all_failed(), 0U);
  EXPECT_EQ(tally.content_events, 250U);
  EXPECT_EQ(tally.events, 300U);
  EXPECT_EQ(tally.first_token.count(), 50U);
  EXPECT_EQ(tally.gap.count(), 200U);
  EXPECT_EQ(tally.connections, 4U);
}

TEST(Load, AStreamWithoutItsTerminalEventIsAFailure) {
  Upstream upstream(StreamOf{5, false});
  const Tally tally = load(options_for(upstream, 8));
  EXPECT_EQ(tally.ok, 0U);
  EXPECT_EQ(count(tally, Failure::kTruncated), 8U);
}

TEST(Load, AStreamThatBreaksIsAFailure) {
  // A handler that returns with its answer unfinished breaks the connection.
  Upstream upstream([](net::HttpCall& call) -> net::Task<void> {
    begin_events(call);
    call.push(kContent, false);
    co_return;
  });
  const Tally tally = load(options_for(upstream, 8));
  EXPECT_EQ(tally.ok, 0U);
  EXPECT_EQ(count(tally, Failure::kLost), 8U);
}

TEST(Load, AnErrorEventIsAFailureEvenBeforeAnOrderlyEnd) {
  Upstream upstream([](net::HttpCall& call) -> net::Task<void> {
    begin_events(call);
    call.push("data: {\"error\":{\"message\":\"x\"}}\n\ndata: [DONE]\n\n", true);
    co_return;
  });
  EXPECT_EQ(count(load(options_for(upstream, 8)), Failure::kErrorEvent), 8U);
}

TEST(Load, TellsFailuresByStatus) {
  Upstream upstream(StatusOf{429});
  const Tally tally = load(options_for(upstream, 8));
  EXPECT_EQ(count(tally, Failure::kStatus), 8U);
  EXPECT_EQ(tally.statuses.at(429), 8U);
  // The connections stay in use: a refusal is an answer.
  EXPECT_EQ(tally.connections, 4U);
}

TEST(Load, NobodyListeningIsAFailureToConnect) {
  Options options;
  {
    Upstream upstream(StatusOf{200});
    options = options_for(upstream, 6);
  }
  const Tally tally = load(options);
  EXPECT_EQ(tally.ok, 0U);
  EXPECT_EQ(count(tally, Failure::kConnect), 6U);
}

TEST(Load, ResetsTheShareOfStreamsThatWasAskedFor) {
  Upstream upstream([](net::HttpCall& call) -> net::Task<void> {
    begin_events(call);
    while (call.push(kContent, false)) {
      if (co_await net::Sleep(call.scope(), call.loop().now() + milliseconds(1)) ==
          net::Outcome::kCancelled) {
        co_return;
      }
    }
  });
  Options options = options_for(upstream, 12);
  options.abort = 1;
  options.abort_within = 3;
  const Tally tally = load(options);
  EXPECT_EQ(tally.aborted, 12U);
  EXPECT_EQ(tally.all_failed(), 0U);
  EXPECT_EQ(tally.resets.size(), 12U);
  EXPECT_GE(tally.content_events, 12U);
}

TEST(Load, ResetsRequestsThatWaitForAHead) {
  Upstream upstream([](net::HttpCall& call) -> net::Task<void> {
    co_await net::Sleep(call.scope(), TimePoint::max());
  });
  Options options = options_for(upstream, 8);
  options.stream = false;
  options.abort = 1;
  options.abort_at = milliseconds(5);
  const Tally tally = load(options);
  EXPECT_EQ(tally.aborted, 8U);
  EXPECT_EQ(tally.resets.size(), 8U);
  EXPECT_EQ(tally.all_failed(), 0U);
}

TEST(Load, ASilentTargetEndsInATimeout) {
  Upstream upstream([](net::HttpCall& call) -> net::Task<void> {
    begin_events(call);
    call.push(kContent, false);
    co_await net::Sleep(call.scope(), TimePoint::max());
  });
  Options options = options_for(upstream, 4);
  options.timeout = milliseconds(30);
  EXPECT_EQ(count(load(options), Failure::kTimeout), 4U);
}

TEST(Load, WhatTheWarmUpSendsIsNotReported) {
  Upstream upstream(StreamOf{3});
  Options options = options_for(upstream, 20);
  options.warmup = std::chrono::hours(1);
  const Tally tally = load(options);
  EXPECT_EQ(tally.ok, 0U);
  EXPECT_EQ(tally.warmed_up, 20U);
  EXPECT_EQ(tally.events, 0U);
  EXPECT_EQ(tally.first_token.count(), 0U);
}

TEST(Load, AnOpenLoopChargesTheTargetForTheQueueItCauses) {
  // Each answer takes 20 ms and only one is allowed at a time, but they are due every
  // millisecond: the last of 20 has waited for some 400 ms, which a closed loop would not show.
  Upstream upstream([](net::HttpCall& call) -> net::Task<void> {
    co_await net::Sleep(call.scope(), call.loop().now() + milliseconds(20));
    co_await StreamOf{1}(call);
  });
  Options options = options_for(upstream, 20);
  options.concurrency = 1;
  const Tally closed = load(options);
  options.rate = 1000;
  options.spacing = Spacing::kFixed;
  const Tally open = load(options);
  EXPECT_EQ(open.ok, 20U);
  EXPECT_EQ(open.peak_in_flight, 1U);
  EXPECT_GE(open.total.max(), milliseconds(380));
  EXPECT_GE(open.first_token.max(), milliseconds(380));
  EXPECT_LT(closed.total.quantile(0.5), open.total.quantile(0.5));
}

TEST(Load, AnInterruptedRunLeavesUnfinishedRequestsAndNoFailures) {
  Upstream upstream([](net::HttpCall& call) -> net::Task<void> {
    co_await net::Sleep(call.scope(), TimePoint::max());
  });
  Options options = options_for(upstream, 100);
  ASSERT_TRUE(complete(options));
  const auto request = make_request(options);
  ASSERT_TRUE(request);
  net::BlockingPool pool(1);
  const TimePoint start = now();
  Worker worker(options, *request, pool, {.concurrency = 4, .requests = 100},
                {.start = start, .begin = start, .end = TimePoint::max()});
  worker.interrupt();
  worker.run([](bool) {});
  EXPECT_EQ(worker.tally().all_failed(), 0U);
  EXPECT_LE(worker.tally().started, 4U);
}

}  // namespace
}  // namespace sluice::load
