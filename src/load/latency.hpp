// Durations in a high-dynamic-range histogram: every value is kept to better than 1 %, from one
// nanosecond to more than an hour, so that a 99.9th percentile is a measurement and not an edge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"

namespace sluice::load {

/// One writer. About 37 KiB.
class Latency {
 public:
  Latency() : counts_(kBuckets) {}

  /// Negative values count as 0, values beyond the range as its end.
  void record(Duration took);
  void add(const Latency& other);

  uint64_t count() const { return count_; }
  Duration max() const { return Duration(max_); }
  /// 0 without values.
  Duration mean() const;
  /// The smallest recorded duration, up to 0.8 % above the true one, that at least the share `q`
  /// (0 to 1) of all values does not exceed; 0 without values. Never above max().
  Duration quantile(double q) const;

 private:
  // A value below 2^8 has a bucket of its own; above, each doubling has 2^7 buckets.
  static constexpr int kSubBits = 7;
  static constexpr int kRangeBits = 42;
  static constexpr uint64_t kLimit = (uint64_t{1} << kRangeBits) - 1;
  static constexpr size_t kBuckets = size_t{kRangeBits - kSubBits + 1} << kSubBits;
  static size_t bucket_of(uint64_t ns);
  static uint64_t upper_edge(size_t bucket);

  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  int64_t max_ = 0;
};

}  // namespace sluice::load
