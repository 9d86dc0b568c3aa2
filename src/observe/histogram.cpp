#include "observe/histogram.hpp"

#include <algorithm>

namespace sluice::observe {

double Histogram::upper_edge(size_t bucket) {
  uint64_t unit = bucket + 1;
  if (bucket >= kSub) {
    const size_t shift = (bucket >> kSubBits) - 1;
    unit = (kSub + (bucket & (kSub - 1)) + 1) << shift;
  }
  return static_cast<double>(unit) / 1024 / 1000;
}

void HistogramSum::add(const Histogram& histogram) {
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const uint64_t n = histogram.buckets_[i].load(std::memory_order_relaxed);
    buckets_[i] += n;
    // Counted from the buckets, so that a value recorded during the reading cannot make the
    // parts disagree with the whole.
    count_ += n;
  }
  sum_ += histogram.sum_.load(std::memory_order_relaxed);
  max_ = std::max(max_, histogram.max_.load(std::memory_order_relaxed));
}

void HistogramSum::add(const HistogramSum& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

uint64_t HistogramSum::cumulative(size_t bucket) const {
  uint64_t total = 0;
  for (size_t i = 0; i <= bucket && i < buckets_.size(); ++i) total += buckets_[i];
  return total;
}

double HistogramSum::quantile(double q) const {
  if (count_ == 0) return 0;
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(count_);
  double below = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const double here = static_cast<double>(buckets_[i]);
    if (here > 0 && below + here >= rank) {
      const double low = i == 0 ? 0 : Histogram::upper_edge(i - 1);
      const double high = Histogram::upper_edge(i);
      return std::min(low + (high - low) * ((rank - below) / here), max_seconds());
    }
    below += here;
  }
  return max_seconds();
}

}  // namespace sluice::observe
