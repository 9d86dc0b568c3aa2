// The primitives of the metrics: values with one writer, readable from any thread.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <span>
#include <utility>

#include "base/clock.hpp"

namespace sluice::observe {

/// Only grows. One thread writes, so a plain load and store replace a locked addition.
class Counter {
 public:
  void add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// Goes up and down. One thread writes.
class Gauge {
 public:
  void add(int64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

/// Counts one more in a gauge while it lives. Used on the gauge's own thread.
class GaugeHold {
 public:
  GaugeHold() = default;
  explicit GaugeHold(Gauge& gauge) : gauge_(&gauge) { gauge_->add(1); }
  GaugeHold(GaugeHold&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)) {}
  GaugeHold& operator=(GaugeHold&& other) noexcept {
    if (this != &other) {
      release();
      gauge_ = std::exchange(other.gauge_, nullptr);
    }
    return *this;
  }
  ~GaugeHold() { release(); }

  void release() {
    if (gauge_) std::exchange(gauge_, nullptr)->add(-1);
  }

 private:
  Gauge* gauge_ = nullptr;
};

/// Durations in buckets that grow with the value: eight to each doubling, from 1/1024 ms to
/// 1048 s, so that a quantile is off by 12 % at most. The edges include 1 ms times every power
/// of two, which is what a scrape shows. One writer; recording takes a few nanoseconds.
class Histogram {
 public:
  static constexpr int kSubBits = 3;
  static constexpr size_t kSub = 1 << kSubBits;
  static constexpr size_t kBuckets = 28 * kSub;
  static constexpr int64_t kLimit = (int64_t{1} << 30) * 15625 / 16;  // ns; longer counts as this

  void record(Duration took) {
    const int64_t ns = took.count() > 0 ? took.count() : 0;
    std::atomic<uint64_t>& bucket = buckets_[bucket_of(ns)];
    bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    sum_.store(sum_.load(std::memory_order_relaxed) + static_cast<uint64_t>(ns),
               std::memory_order_relaxed);
    if (ns > max_.load(std::memory_order_relaxed)) max_.store(ns, std::memory_order_relaxed);
  }

  /// The bucket for a value, which it holds together with its upper edge.
  static size_t bucket_of(int64_t ns) {
    if (ns <= 0) return 0;
    if (ns > kLimit) return kBuckets - 1;
    const uint64_t unit = static_cast<uint64_t>(ns - 1) * 16 / 15625;  // 1/1024 ms
    if (unit < kSub) return unit;
    const int shift = static_cast<int>(std::bit_width(unit)) - 1 - kSubBits;
    return (static_cast<size_t>(shift) << kSubBits) + (unit >> shift);
  }

  /// The upper edge of a bucket in seconds.
  static double upper_edge(size_t bucket);

  /// The bucket whose upper edge is 1 ms times 2 to the power of `exponent`, -7 to 20.
  static constexpr size_t bucket_at(int exponent) {
    return static_cast<size_t>(7 + exponent) * kSub + kSub - 1;
  }

 private:
  friend class HistogramSum;
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> sum_{0};  // nanoseconds
  std::atomic<int64_t> max_{0};
};

/// Several histograms added up, for reading.
class HistogramSum {
 public:
  void add(const Histogram& histogram);
  void add(const HistogramSum& other);

  uint64_t count() const { return count_; }
  double sum_seconds() const { return static_cast<double>(sum_) / 1e9; }
  double max_seconds() const { return static_cast<double>(max_) / 1e9; }

  /// How many values were at most `bucket`'s upper edge.
  uint64_t cumulative(size_t bucket) const;

  /// The value below which the share `q` of all values lies, in seconds; 0 without values.
  double quantile(double q) const;

 private:
  std::array<uint64_t, Histogram::kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t sum_ = 0;
  int64_t max_ = 0;
};

}  // namespace sluice::observe
