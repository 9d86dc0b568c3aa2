#include "load/latency.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace sluice::load {
namespace {

TEST(Latency, HasNothingToSayWithoutValues) {
  const Latency latency;
  EXPECT_EQ(latency.count(), 0U);
  EXPECT_EQ(latency.quantile(0.99).count(), 0);
  EXPECT_EQ(latency.mean().count(), 0);
}

TEST(Latency, KeepsSmallValuesExactly) {
  Latency latency;
  for (int ns = 1; ns <= 100; ++ns) latency.record(Duration(ns));
  EXPECT_EQ(latency.quantile(0.5).count(), 50);
  EXPECT_EQ(latency.quantile(0.99).count(), 99);
  EXPECT_EQ(latency.quantile(1).count(), 100);
  EXPECT_EQ(latency.max().count(), 100);
}

TEST(Latency, IsWithinOnePercentOfSortedValuesOverTheWholeRange) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(0, 12.5);
  Latency latency;
  std::vector<int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<int64_t>(std::pow(10.0, exponent(random))));
    latency.record(Duration(values.back()));
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[rank - 1]);
    const auto told = static_cast<double>(latency.quantile(q).count());
    EXPECT_GE(told, exact) << q;
    EXPECT_LE(told, exact * 1.008 + 1) << q;
  }
}

TEST(Latency, OneSlowValueInAThousandIsTheMaximumAndNotThe99th) {
  Latency latency;
  for (int i = 0; i < 999; ++i) latency.record(std::chrono::milliseconds(1));
  latency.record(std::chrono::seconds(3));
  EXPECT_LT(latency.quantile(0.99), std::chrono::milliseconds(2));
  EXPECT_EQ(latency.quantile(1), Duration(std::chrono::seconds(3)));
}

TEST(Latency, ValuesOutsideTheRangeAreKeptAtItsEnds) {
  Latency latency;
  latency.record(Duration(-5));
  latency.record(std::chrono::hours(48));
  EXPECT_EQ(latency.count(), 2U);
  EXPECT_EQ(latency.quantile(0.5).count(), 0);
  EXPECT_EQ(latency.quantile(1), Duration(std::chrono::hours(48)));
}

TEST(Latency, AddedHistogramsAreAsOne) {
  Latency one;
  Latency other;
  Latency all;
  for (int i = 1; i <= 1000; ++i) {
    (i % 3 == 0 ? one : other).record(Duration(i * 1'000));
    all.record(Duration(i * 1'000));
  }
  one.add(other);
  EXPECT_EQ(one.count(), all.count());
  EXPECT_EQ(one.mean(), all.mean());
  EXPECT_EQ(one.max(), all.max());
  for (const double q : {0.1, 0.5, 0.99}) EXPECT_EQ(one.quantile(q), all.quantile(q));
}

}  // namespace
}  // namespace sluice::load
