#include "load/latency.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::load {

size_t Latency::bucket_of(uint64_t ns) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(ns)) - 1 - kSubBits);
  return (static_cast<size_t>(shift) << kSubBits) + (ns >> shift);
}

uint64_t Latency::upper_edge(size_t bucket) {
  const size_t group = bucket >> kSubBits;
  if (group < 2) return bucket;
  const size_t shift = group - 1;
  const uint64_t mantissa = bucket - (shift << kSubBits);
  return ((mantissa + 1) << shift) - 1;
}

void Latency::record(Duration took) {
  const int64_t ns = std::max<int64_t>(took.count(), 0);
  ++counts_[bucket_of(std::min<uint64_t>(static_cast<uint64_t>(ns), kLimit))];
  ++count_;
  sum_ += static_cast<uint64_t>(ns);
  max_ = std::max(max_, ns);
}

void Latency::add(const Latency& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

Duration Latency::mean() const {
  return Duration(count_ == 0 ? 0 : static_cast<int64_t>(sum_ / count_));
}

Duration Latency::quantile(double q) const {
  if (count_ == 0) return {};
  const double rank = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_));
  const auto wanted = std::max<uint64_t>(static_cast<uint64_t>(rank), 1);
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted && bucket + 1 < kBuckets) {
      return Duration(std::min(static_cast<int64_t>(upper_edge(bucket)), max_));
    }
  }
  return max();
}

}  // namespace sluice::load
