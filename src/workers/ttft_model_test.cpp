#include "workers/ttft_model.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice::workers {
namespace {

constexpr Speed kPrior{.prefill_tps = 4000, .step = 0.020, .step_more = 0.0001};

Duration of(double s) { return Duration(static_cast<int64_t>(s * 1e9)); }

/// What a worker of this speed takes.
double taken(const Speed& speed, const Backlog& backlog) {
  return seconds(TtftModel(speed).predict(backlog));
}

Backlog backlog_of(int i) {
  return {.prefill_tokens = static_cast<double>(i * 700 % 5000),
          .own_tokens = static_cast<double>(200 + i * 370 % 3000),
          .decoding = static_cast<double>(i * 3 % 30)};
}

/// `times` requests, each with its first token and 40 more.
void teach(TtftModel& model, const Speed& truth, int times) {
  for (int i = 0; i < times; ++i) {
    const Backlog backlog = backlog_of(i);
    model.learn_first_token(backlog, of(taken(truth, backlog)));
    for (int token = 0; token < 40; ++token) {
      model.learn_token(backlog.decoding, of(truth.step + truth.step_more * backlog.decoding));
    }
  }
}

TEST(TtftModel, PredictsFromThePriorBeforeItHasSeenAnything) {
  const TtftModel model(kPrior);
  EXPECT_NEAR(seconds(model.predict({.own_tokens = 2000})), 0.5 + 0.020, 1e-6);
  // Three chunks are three steps, each of which also decodes for ten.
  EXPECT_NEAR(seconds(model.predict({.prefill_tokens = 4000, .own_tokens = 2000, .decoding = 10})),
              1.5 + 3 * 0.021, 1e-6);
  EXPECT_FALSE(model.unreliable());
}

TEST(TtftModel, ConvergesToTheSpeedThatItSees) {
  const Speed truth{.prefill_tps = 1500, .step = 0.035, .step_more = 0.0003};
  TtftModel model(kPrior);
  teach(model, truth, 60);
  EXPECT_NEAR(model.speed().prefill_tps, truth.prefill_tps, truth.prefill_tps * 0.1);
  EXPECT_NEAR(model.speed().step, truth.step, truth.step * 0.1);
  const Backlog fresh{.prefill_tokens = 2500, .own_tokens = 1100, .decoding = 12};
  EXPECT_NEAR(seconds(model.predict(fresh)), taken(truth, fresh), taken(truth, fresh) * 0.1);
  EXPECT_LT(model.error(), 0.1);
}

TEST(TtftModel, FollowsAWorkerThatBecomesThreeTimesSlower) {
  TtftModel model(kPrior);
  teach(model, kPrior, 100);
  const Speed slow{.prefill_tps = kPrior.prefill_tps / 3,
                   .step = kPrior.step * 3,
                   .step_more = kPrior.step_more * 3};
  teach(model, slow, 20);
  const Backlog fresh{.own_tokens = 1500, .decoding = 5};
  EXPECT_GT(seconds(model.predict(fresh)), 1.8 * taken(kPrior, fresh));
}

TEST(TtftModel, KeepsWithinAQuarterAndFourTimesOfThePrior) {
  for (const double times : {0.01, 100.0}) {
    const Speed truth{.prefill_tps = kPrior.prefill_tps / times,
                      .step = kPrior.step * times,
                      .step_more = kPrior.step_more * times};
    TtftModel model(kPrior);
    teach(model, truth, 500);
    EXPECT_GE(model.speed().prefill_tps, kPrior.prefill_tps / 4) << times;
    EXPECT_LE(model.speed().prefill_tps, kPrior.prefill_tps * 4) << times;
    EXPECT_GE(model.speed().step, kPrior.step / 4) << times;
    EXPECT_LE(model.speed().step, kPrior.step * 4) << times;
    EXPECT_GE(model.speed().step_more, kPrior.step_more / 4) << times;
    EXPECT_LE(model.speed().step_more, kPrior.step_more * 4) << times;
  }
}

TEST(TtftModel, IsUnreliableWhenItIsOffByMoreThanHalf) {
  TtftModel model(kPrior);
  // Nothing that it can see explains these.
  for (int i = 0; i < 60; ++i) {
    const double times = i % 2 == 0 ? 0.2 : 5;
    model.learn_first_token({.own_tokens = 1000}, of(times * taken(kPrior, {.own_tokens = 1000})));
  }
  EXPECT_TRUE(model.unreliable());
  teach(model, kPrior, 60);
  EXPECT_FALSE(model.unreliable());
}

TEST(TtftModel, IsNotUnreliableBecauseOfTheFirstAnswers) {
  TtftModel model(kPrior);
  for (int i = 0; i < 5; ++i) model.learn_first_token({.own_tokens = 1000}, of(30));
  EXPECT_FALSE(model.unreliable());
}

TEST(TtftModel, IsHardlyMovedByOneOutlier) {
  TtftModel model(kPrior);
  teach(model, kPrior, 40);
  const Backlog fresh{.own_tokens = 1500, .decoding = 5};
  const double before = seconds(model.predict(fresh));
  model.learn_first_token(fresh, of(600));
  for (int i = 0; i < 5; ++i) model.learn_token(5, of(30));
  EXPECT_LT(seconds(model.predict(fresh)), 1.3 * before);
  EXPECT_FALSE(model.unreliable());
}

TEST(TtftModel, IgnoresTimesAndBacklogsThatCannotBe) {
  TtftModel model(kPrior);
  teach(model, kPrior, 40);
  const Backlog fresh{.own_tokens = 1500, .decoding = 5};
  const Duration before = model.predict(fresh);
  for (const Duration never : {of(-1), of(0), Duration::max(), of(4000)}) {
    model.learn_first_token(fresh, never);
    model.learn_token(5, never);
  }
  EXPECT_EQ(model.predict(fresh), before);
  model.learn_first_token({.prefill_tokens = -1e9, .own_tokens = -5, .decoding = -3}, of(0.1));
  model.learn_token(-7, of(0.02));
  EXPECT_TRUE(std::isfinite(model.speed().prefill_tps));
  EXPECT_GT(model.predict(fresh), Duration(0));
  // Absurd backlogs do not overflow.
  EXPECT_GT(model.predict({.prefill_tokens = 1e30, .own_tokens = 0, .decoding = 1e30}),
            Duration(0));
}

TEST(TtftModel, BringsAPriorThatCannotBeWithinWhatCan) {
  for (const double absurd : {0.0, -1.0, 1e300, std::nan("")}) {
    TtftModel model({.prefill_tps = absurd, .step = absurd, .step_more = absurd});
    teach(model, kPrior, 20);
    const double predicted = model.predict_seconds({.own_tokens = 1000, .decoding = 3});
    EXPECT_GT(predicted, 0) << absurd;
    EXPECT_LE(predicted, 3600) << absurd;
    EXPECT_GE(model.predict_seconds({}), 0) << absurd;
  }
}

TEST(TtftModel, StartsAnewWhenTheWorkerIsAnotherOne) {
  TtftModel model(kPrior);
  teach(model, {.prefill_tps = 1000, .step = 0.08, .step_more = 0.0004}, 40);
  model.reset(kPrior);
  EXPECT_EQ(model.predict({.own_tokens = 900}), TtftModel(kPrior).predict({.own_tokens = 900}));
}

TEST(PriorSpeed, KnowsTheGpuByItsName) {
  const double h100 = prior_speed("NVIDIA H100 80GB HBM3").prefill_tps;
  const double a100 = prior_speed("NVIDIA A100-SXM4-80GB").prefill_tps;
  const double l40s = prior_speed("nvidia l40s").prefill_tps;
  EXPECT_GT(h100, a100);
  EXPECT_GT(a100, l40s);
  EXPECT_GT(l40s, prior_speed("NVIDIA A10G").prefill_tps);
  EXPECT_EQ(prior_speed("NVIDIA H200").prefill_tps, prior_speed("NVIDIA H200 NVL").prefill_tps);
  EXPECT_GT(prior_speed("NVIDIA H200").prefill_tps, prior_speed("NVIDIA H20").prefill_tps);
  const double unknown = prior_speed("Abacus 9").prefill_tps;
  EXPECT_LT(unknown, h100);
  EXPECT_GT(unknown, l40s);
}

}  // namespace
}  // namespace sluice::workers
