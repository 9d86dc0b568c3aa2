#include "workers/score.hpp"

#include <gtest/gtest.h>

namespace sluice::workers {
namespace {

using config::Strategy;

const config::ScoreWeights kWeights;

Standing standing() {
  Standing all;
  all.memory_free = 6;
  all.memory_total = 12;
  all.active = 1;
  all.active_max = 4;
  return all;
}

double total(const Standing& of, Strategy strategy = Strategy::kVram) {
  return score(of, strategy, kWeights).total;
}

TEST(Score, IsTheFormulaOfTheSourceDocument) {
  EXPECT_DOUBLE_EQ(total(standing()), 0.4 * 0.5 + 0.3 * 0.75 + 0.2 + 0.1);
  Standing cloud = standing();
  cloud.fallback = true;
  EXPECT_DOUBLE_EQ(total(cloud), 0.4 * 0.5 + 0.3 * 0.75 + 0.2);
}

TEST(Score, WeightsAreTheOperators) {
  const config::ScoreWeights weights{.vram = 0, .concurrency = 1, .model = 0, .fallback = 0};
  EXPECT_DOUBLE_EQ(score(standing(), Strategy::kVram, weights).total, 0.75);
}

TEST(Score, WhatIsNotKnownCountsNothing) {
  EXPECT_DOUBLE_EQ(total(Standing{}), 0.2 + 0.1);
  Standing more = standing();
  more.memory_free = 100;  // than it has
  more.active = 9;
  EXPECT_DOUBLE_EQ(total(more), 0.4 + 0.2 + 0.1);
}

TEST(Score, EachMissedHeartbeatCosts) {
  Standing silent = standing();
  silent.missed_beats = 2;
  for (const Strategy strategy :
       {Strategy::kVram, Strategy::kLeastConnections, Strategy::kPredicted}) {
    silent.predictable = true;
    EXPECT_LT(total(silent, strategy), total(standing(), strategy) - 1e-9);
  }
  EXPECT_DOUBLE_EQ(total(silent), total(standing()) - 0.2);
}

TEST(Score, LeastConnectionsAreCountedByWhatAWorkerGetsDone) {
  Standing fast = standing();
  Standing slow = standing();
  fast.speed = 4000;
  slow.speed = 1000;
  EXPECT_GT(total(fast, Strategy::kLeastConnections), total(slow, Strategy::kLeastConnections));
  fast.active = 8;  // nine requests at four times the speed
  EXPECT_LT(total(fast, Strategy::kLeastConnections), total(slow, Strategy::kLeastConnections));
}

TEST(Score, ThePredictionDecidesWhereItCanBeGoneBy) {
  Standing soon = standing();
  Standing late = standing();
  soon.predictable = late.predictable = true;
  soon.predicted_ttft = 0.2;
  late.predicted_ttft = 0.3;
  late.memory_free = 12;
  EXPECT_GT(total(soon, Strategy::kPredicted), total(late, Strategy::kPredicted));
  soon.predictable = late.predictable = false;
  EXPECT_LT(total(soon, Strategy::kPredicted), total(late, Strategy::kPredicted));
}

TEST(Score, APrefixCountsOnlyWhereThereIsRoom) {
  Standing warm = standing();
  warm.prefix_saved = 1;
  EXPECT_GT(total(warm), total(standing()));
  Standing full = standing();
  full.active = full.active_max;
  Standing warm_and_full = full;
  warm_and_full.prefix_saved = 100;
  EXPECT_DOUBLE_EQ(total(warm_and_full), total(full));
  EXPECT_LT(total(warm_and_full), total(standing()));
}

}  // namespace
}  // namespace sluice::workers
