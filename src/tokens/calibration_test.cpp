#include "tokens/calibration.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace sluice::tokens {
namespace {

TEST(Calibration, BeginsWithTheStartValueAndComesToWhatIsReported) {
  Calibration calibration;
  EXPECT_EQ(calibration.factor("claude-x", 1.2), 1.2);
  for (int i = 0; i < 300; ++i) calibration.learn("claude-x", 1.2, 1'000, 1'350);
  EXPECT_NEAR(calibration.factor("claude-x", 1.2), 1.35, 0.001);
  EXPECT_EQ(calibration.factor("claude-y", 1.2), 1.2);
}

TEST(Calibration, IsNotThrownOffByOneReport) {
  Calibration calibration;
  for (int i = 0; i < 100; ++i) calibration.learn("m", 1.0, 1'000, 1'100);
  calibration.learn("m", 1.0, 1'000, 3'000);
  EXPECT_LT(calibration.factor("m", 1.0), 1.15);
}

TEST(Calibration, FollowsAModelThatChanged) {
  Calibration calibration;
  for (int i = 0; i < 10'000; ++i) calibration.learn("m", 1.0, 1'000, 1'100);
  for (int i = 0; i < 200; ++i) calibration.learn("m", 1.0, 1'000, 1'300);
  EXPECT_NEAR(calibration.factor("m", 1.0), 1.3, 0.01);
}

TEST(Calibration, LeavesOutTinyCountsAndAbsurdReports) {
  Calibration calibration;
  calibration.learn("m", 1.1, 3, 9);
  calibration.learn("m", 1.1, 1'000, 0);
  calibration.learn("m", 1.1, 0, 1'000);
  calibration.learn("m", 1.1, 1'000, -5);
  calibration.learn("m", 1.1, 1'000, 1'000'000);
  calibration.learn("m", 1.1, INT64_MAX, INT64_MAX / 100);
  EXPECT_EQ(calibration.factor("m", 1.1), 1.1);
  EXPECT_TRUE(calibration.take_changed().empty());
}

TEST(Calibration, IsKeptAndRestored) {
  Calibration before;
  for (int i = 0; i < 60; ++i) before.learn("m", 1.0, 100, 140);
  const auto kept = before.take_changed();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].model, "m");
  EXPECT_EQ(kept[0].samples, 60);
  EXPECT_TRUE(before.take_changed().empty());

  Calibration after;
  after.restore(kept);
  EXPECT_EQ(after.factor("m", 1.0), before.factor("m", 1.0));
  EXPECT_TRUE(after.take_changed().empty());
  // What was learned weighs on: one more report moves it by a fiftieth at most.
  after.learn("m", 1.0, 100, 300);
  EXPECT_LT(after.factor("m", 1.0), 1.45);
}

TEST(Calibration, RestoresNothingThatCannotBe) {
  Calibration calibration;
  calibration.restore(
      {{.model = "a", .factor = 0, .samples = 5},
       {.model = "b", .factor = -1, .samples = 5},
       {.model = "c", .factor = std::numeric_limits<double>::quiet_NaN(), .samples = 5},
       {.model = "d", .factor = 1.5, .samples = -1}});
  for (const char* model : {"a", "b", "c", "d"}) EXPECT_EQ(calibration.factor(model, 1.0), 1.0);
}

TEST(Calibration, HoldsABoundedNumberOfModels) {
  Calibration calibration;
  for (size_t i = 0; i < Calibration::kMaxModels * 3; ++i) {
    calibration.learn("model-" + std::to_string(i), 1.0, 1'000, 2'000);
  }
  calibration.learn(std::string(100'000, 'x'), 1.0, 1'000, 2'000);
  const auto kept = calibration.take_changed();
  EXPECT_EQ(kept.size(), Calibration::kMaxModels);
  size_t bytes = 0;
  for (const auto& each : kept) bytes += each.model.size();
  EXPECT_LT(bytes, 32'000u);
  // Those without an entry share one.
  EXPECT_NEAR(calibration.factor("never seen", 1.0), 2.0, 0.1);
  EXPECT_NEAR(calibration.factor("model-0", 1.0), 1.5, 0.1);
}

TEST(Calibration, IsLearnedByManyThreads) {
  Calibration calibration;
  const auto work = [&] {
    for (int i = 0; i < 2'000; ++i) {
      calibration.learn("m" + std::to_string(i % 7), 1.0, 100, 120);
      calibration.factor("m0", 1.0);
      if (i % 100 == 0) calibration.take_changed();
    }
  };
  std::thread one(work);
  std::thread two(work);
  one.join();
  two.join();
  EXPECT_NEAR(calibration.factor("m3", 1.0), 1.2, 0.01);
}

}  // namespace
}  // namespace sluice::tokens
