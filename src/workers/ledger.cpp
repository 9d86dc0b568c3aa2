#include "workers/ledger.hpp"

#include <algorithm>
#include <cstdlib>

namespace sluice::workers {

void Ledger::sample(const Gauges& gauges, TimePoint at, TimePoint now, double k) {
  Change known{};
  std::erase_if(changes_, [&](const Change& change) {
    if (change.at > at) return false;
    known.active += change.active;
    known.unread += change.unread;
    known.kv += change.kv;
    return true;
  });
  sum_.active -= known.active;
  sum_.unread -= known.unread;
  sum_.kv -= known.kv;
  if (gauges_.active && gauges.active) {
    const double expected = *gauges_.active + k * static_cast<double>(known.active);
    drift_ = *gauges.active - std::max(expected, 0.0);
  }

  // What had been generated when the gauges were read is told from what has been until now.
  const int64_t generated = generated_.load(std::memory_order_relaxed);
  double share = 1;
  if (now > seen_) share = std::clamp(seconds(at - seen_) / seconds(now - seen_), 0.0, 1.0);
  generated_then_ = generated_seen_ +
                    static_cast<int64_t>(share * static_cast<double>(generated - generated_seen_));
  generated_seen_ = generated;
  seen_ = now;
  gauges_ = gauges;
}

void Ledger::forget_sample() { gauges_ = {}; }

void Ledger::begun(const Request& request, TimePoint at) {
  ++in_flight_;
  ++reading_;
  unread_ += request.prompt;
  prompts_ += request.prompt;
  change({.at = at, .active = 1, .unread = request.prompt, .kv = request.prompt});
}

void Ledger::read(Request& request, TimePoint at) {
  if (!request.reading) return;
  request.reading = false;
  --reading_;
  unread_ -= request.prompt;
  change({.at = at, .unread = -request.prompt});
}

void Ledger::ended(const Request& request, TimePoint at) {
  --in_flight_;
  prompts_ -= request.prompt;
  generated_gone_ += request.generated;
  int64_t unread = 0;
  if (request.reading) {
    --reading_;
    unread = request.prompt;
  }
  unread_ -= unread;
  change({.at = at, .active = -1, .unread = -unread, .kv = -(request.prompt + request.generated)});
}

void Ledger::change(const Change& change) {
  sum_.active += change.active;
  sum_.unread += change.unread;
  sum_.kv += change.kv;
  if (changes_.size() == kMostChanges) {
    for (size_t i = 0; i < kMostChanges / 2; ++i) {
      const Change& one = changes_[2 * i];
      const Change& other = changes_[2 * i + 1];
      changes_[i] = {.at = std::max(one.at, other.at),
                     .active = one.active + other.active,
                     .unread = one.unread + other.unread,
                     .kv = one.kv + other.kv};
    }
    changes_.resize(kMostChanges / 2);
  }
  changes_.push_back(change);
}

double Ledger::active(double k) const {
  const auto own = static_cast<double>(in_flight_);
  if (!gauges_.active) return k * own;
  return std::max(*gauges_.active + k * static_cast<double>(sum_.active), own);
}

double Ledger::waiting(double k) const {
  // What is sent to it begins to wait only when it is full; what ends makes room for one.
  const double fewer = k * static_cast<double>(std::min<int64_t>(sum_.active, 0));
  return std::max(gauges_.waiting.value_or(0) + fewer, 0.0);
}

double Ledger::unread(double k) const {
  const auto own = static_cast<double>(unread_);
  if (!gauges_.waiting_tokens) return k * own;
  return std::max(*gauges_.waiting_tokens + k * static_cast<double>(sum_.unread), own);
}

double Ledger::decoding(double k) const {
  const auto own = static_cast<double>(in_flight_ - reading_);
  return std::max(active(k) - k * static_cast<double>(reading_), own);
}

double Ledger::kv_used(double k) const {
  const int64_t generated = generated_.load(std::memory_order_relaxed);
  if (!gauges_.kv_used) {
    return k * static_cast<double>(std::max<int64_t>(prompts_ + generated - generated_gone_, 0));
  }
  const auto since = static_cast<double>(sum_.kv + generated - generated_then_);
  return std::max(*gauges_.kv_used + k * since, 0.0);
}

int64_t Ledger::remains() const {
  const int64_t generated = generated_.load(std::memory_order_relaxed) - generated_gone_;
  return in_flight_ + std::abs(reading_) + std::abs(unread_) + std::abs(prompts_) +
         std::abs(generated);
}

}  // namespace sluice::workers
