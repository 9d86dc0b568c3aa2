#include "workers/ledger.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sluice::workers {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart = TimePoint(1000s);

TEST(Ledger, AWorkerThatTellsNothingHasWhatIsSentToIt) {
  Ledger ledger;
  EXPECT_EQ(ledger.active(1), 0);
  Ledger::Request request{.prompt = 500};
  ledger.begun(request, kStart);
  EXPECT_EQ(ledger.active(1), 1);
  EXPECT_EQ(ledger.unread(1), 500);
  EXPECT_EQ(ledger.kv_used(1), 500);
  EXPECT_EQ(ledger.decoding(1), 0);
  EXPECT_EQ(ledger.active(4), 4);
  ledger.read(request, kStart);
  ledger.read(request, kStart);
  EXPECT_EQ(ledger.unread(1), 0);
  EXPECT_EQ(ledger.decoding(1), 1);
  ledger.generated(20);
  request.generated = 20;
  EXPECT_EQ(ledger.kv_used(1), 520);
  ledger.ended(request, kStart);
  EXPECT_EQ(ledger.kv_used(1), 0);
  EXPECT_EQ(ledger.remains(), 0);
}

TEST(Ledger, WhatWaitsInAWorkerShrinksAsItsRequestsEnd) {
  Ledger ledger;
  std::vector<Ledger::Request> requests(10);
  for (const auto& request : requests) ledger.begun(request, kStart);
  ledger.sample({.active = 10, .waiting = 4, .waiting_tokens = {}, .kv_used = {}}, kStart, kStart,
                1);
  EXPECT_EQ(ledger.waiting(1), 4);
  for (int i = 0; i < 3; ++i) ledger.ended(requests[i], kStart + 1s);
  EXPECT_EQ(ledger.waiting(1), 1);
  for (int i = 3; i < 10; ++i) ledger.ended(requests[i], kStart + 2s);
  EXPECT_EQ(ledger.waiting(1), 0);
}

TEST(Ledger, EffectiveValuesAreNeverBelowZeroOrTheOwn) {
  Ledger ledger;
  Ledger::Request request{.prompt = 100};
  ledger.begun(request, kStart);
  ledger.sample({.active = 0, .waiting = {}, .waiting_tokens = 0, .kv_used = 0}, kStart, kStart, 1);
  EXPECT_EQ(ledger.active(1), 1);
  EXPECT_EQ(ledger.unread(1), 100);
  ledger.ended(request, kStart + 1s);
  EXPECT_EQ(ledger.active(1), 0);
  EXPECT_EQ(ledger.unread(1), 0);
  EXPECT_EQ(ledger.kv_used(1), 0);
}

TEST(Ledger, ReturnsToZeroWhateverTheOrderOfBeginningsAndEnds) {
  std::mt19937 random(11);
  Ledger ledger;
  std::vector<Ledger::Request> running;
  for (int i = 0; i < 50'000; ++i) {
    const TimePoint at = kStart + i * 1ms - std::chrono::microseconds(random() % 5000);
    switch (random() % 4) {
      case 0:
        running.push_back({.prompt = static_cast<int64_t>(random() % 3000)});
        ledger.begun(running.back(), at);
        break;
      case 1:
        if (!running.empty()) ledger.read(running[random() % running.size()], at);
        break;
      case 2: {
        if (running.empty()) break;
        const int64_t tokens = random() % 50;
        running[random() % running.size()].generated += tokens;
        ledger.generated(tokens);
        break;
      }
      default:
        if (running.empty()) break;
        std::swap(running[random() % running.size()], running.back());
        ledger.ended(running.back(), at);
        running.pop_back();
    }
    EXPECT_EQ(ledger.active(1), static_cast<double>(running.size()));
    if (i % 700 == 0) {
      // An honest worker.
      ledger.sample({.active = ledger.active(1),
                     .waiting = {},
                     .waiting_tokens = ledger.unread(1),
                     .kv_used = ledger.kv_used(1)},
                    kStart + i * 1ms, kStart + i * 1ms, 1);
    }
  }
  while (!running.empty()) {
    ledger.ended(running.back(), kStart + 100s);
    running.pop_back();
  }
  EXPECT_EQ(ledger.remains(), 0);
}

TEST(Ledger, KeepsCountOfMoreThanItHolds) {
  // A worker that is silent while thousands of requests pass.
  Ledger ledger;
  ledger.sample({.active = 3, .waiting = {}, .waiting_tokens = {}, .kv_used = {}}, kStart, kStart,
                1);
  Ledger::Request request{.prompt = 10};
  for (int i = 1; i <= 20'000; ++i) {
    ledger.begun(request, kStart + i * 1ms);
    if (i % 2 == 0) ledger.ended(request, kStart + i * 1ms);
  }
  EXPECT_EQ(ledger.active(1), 10'003);
  // One that knows all but the last tenth.
  ledger.sample({.active = 9003, .waiting = {}, .waiting_tokens = {}, .kv_used = {}}, kStart + 18s,
                kStart + 20s, 1);
  EXPECT_NEAR(ledger.active(1), 10'003, 100);
}

}  // namespace
}  // namespace sluice::workers
