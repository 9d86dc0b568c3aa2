#include "observe/histogram.hpp"

#include <gtest/gtest.h>

namespace sluice::observe {
namespace {

using namespace std::chrono_literals;

HistogramSum sum_of(const Histogram& histogram) {
  HistogramSum sum;
  sum.add(histogram);
  return sum;
}

TEST(Histogram, EdgesShownToAScrapeAreWholePowersOfTwoOfAMillisecond) {
  EXPECT_DOUBLE_EQ(Histogram::upper_edge(Histogram::bucket_at(0)), 0.001);
  EXPECT_DOUBLE_EQ(Histogram::upper_edge(Histogram::bucket_at(10)), 1.024);
  EXPECT_DOUBLE_EQ(Histogram::upper_edge(Histogram::bucket_at(-4)), 0.0000625);
  EXPECT_EQ(Histogram::bucket_at(20), Histogram::kBuckets - 1);
}

TEST(Histogram, AValueOnAnEdgeCountsAsAtMostThatEdge) {
  Histogram histogram;
  histogram.record(1ms);
  EXPECT_EQ(sum_of(histogram).cumulative(Histogram::bucket_at(0)), 1U);
  EXPECT_EQ(sum_of(histogram).cumulative(Histogram::bucket_at(-1)), 0U);

  histogram.record(1ms + 1us);
  EXPECT_EQ(sum_of(histogram).cumulative(Histogram::bucket_at(0)), 1U);
  EXPECT_EQ(sum_of(histogram).cumulative(Histogram::bucket_at(1)), 2U);
}

TEST(Histogram, EveryValueLiesBetweenItsBucketsEdges) {
  for (int64_t ns = 1; ns < 3'000'000'000; ns = ns * 17 / 16 + 1) {
    const size_t bucket = Histogram::bucket_of(ns);
    // Edges that are no whole nanoseconds are off by less than one.
    EXPECT_LE(static_cast<double>(ns) - 1, Histogram::upper_edge(bucket) * 1e9) << ns;
    if (bucket > 0) {
      EXPECT_GT(static_cast<double>(ns), Histogram::upper_edge(bucket - 1) * 1e9) << ns;
    }
  }
}

TEST(Histogram, TakesValuesOutsideItsRange) {
  Histogram histogram;
  histogram.record(Duration(-5));
  histogram.record(Duration(0));
  histogram.record(Duration::max());
  const HistogramSum sum = sum_of(histogram);
  EXPECT_EQ(sum.count(), 3U);
  EXPECT_EQ(sum.cumulative(0), 2U);
  EXPECT_EQ(sum.cumulative(Histogram::kBuckets - 1), 3U);
}

TEST(Histogram, QuantilesAreWithinABucketOfTheTruth) {
  Histogram histogram;
  for (int i = 1; i <= 10'000; ++i) histogram.record(i * 10us);  // 10 us to 100 ms
  const HistogramSum sum = sum_of(histogram);
  EXPECT_NEAR(sum.quantile(0.5), 0.050, 0.050 * 0.06);
  EXPECT_NEAR(sum.quantile(0.95), 0.095, 0.095 * 0.06);
  EXPECT_NEAR(sum.quantile(0.99), 0.099, 0.099 * 0.06);
  EXPECT_DOUBLE_EQ(sum.max_seconds(), 0.1);
  EXPECT_NEAR(sum.sum_seconds(), 500.05, 0.01);
}

TEST(Histogram, AQuantileIsNeverAboveTheLargestValue) {
  Histogram histogram;
  histogram.record(1030us);
  EXPECT_DOUBLE_EQ(sum_of(histogram).quantile(0.99), 0.00103);
  EXPECT_EQ(HistogramSum().quantile(0.99), 0);
}

TEST(Histogram, SumsOfLoopsAddUp) {
  Histogram a;
  Histogram b;
  a.record(1ms);
  b.record(8ms);
  HistogramSum sum = sum_of(a);
  sum.add(sum_of(b));
  EXPECT_EQ(sum.count(), 2U);
  EXPECT_DOUBLE_EQ(sum.max_seconds(), 0.008);
}

TEST(GaugeHold, LetsGoExactlyOnce) {
  Gauge gauge;
  {
    GaugeHold a(gauge);
    GaugeHold b(std::move(a));
    GaugeHold c;
    c = std::move(b);
    EXPECT_EQ(gauge.value(), 1);
    c = GaugeHold(gauge);
    EXPECT_EQ(gauge.value(), 1);
  }
  EXPECT_EQ(gauge.value(), 0);
}

}  // namespace
}  // namespace sluice::observe
