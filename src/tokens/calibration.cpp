#include "tokens/calibration.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::tokens {
namespace {

// Below it the frame of a message weighs more than the encoding.
constexpr int64_t kLeastTokens = 16;
// No two encodings differ so much: something else was counted.
constexpr double kLeastFactor = 0.25;
constexpr double kMostFactor = 4.0;
// The first samples count alike, later ones as an average over about so many.
constexpr int64_t kMemory = 50;
// Longest name kept; longer ones share the entry of all others.
constexpr size_t kMaxName = 256;

bool plausible(double factor) {
  return std::isfinite(factor) && factor >= kLeastFactor && factor <= kMostFactor;
}

}  // namespace

Calibration::Entries::const_iterator Calibration::find(std::string_view model) const {
  if (model.size() <= kMaxName) {
    const auto own = entries_.find(model);
    if (own != entries_.end()) return own;
    if (entries_.size() < kMaxModels) return entries_.end();
  }
  return entries_.find(kOthers);
}

Calibration::Entry& Calibration::entry(std::string_view model, double start) {
  const auto known = entries_.find(model);
  if (known != entries_.end()) return known->second;
  // One place is kept for the others.
  const bool room = entries_.size() + 1 < kMaxModels && model.size() <= kMaxName;
  return entries_.try_emplace(std::string(room ? model : kOthers), Entry{.factor = start})
      .first->second;
}

double Calibration::factor(std::string_view model, double start) const {
  const std::lock_guard lock(mutex_);
  const auto found = find(model);
  return found == entries_.end() ? start : found->second.factor;
}

void Calibration::learn(std::string_view model, double start, int64_t counted, int64_t reported) {
  if (counted < kLeastTokens || reported < kLeastTokens) return;
  const double ratio = static_cast<double>(reported) / static_cast<double>(counted);
  if (!plausible(ratio)) return;
  const std::lock_guard lock(mutex_);
  Entry& learned = entry(model, start);
  ++learned.samples;
  // The start value weighs as one sample.
  const double weight = 1.0 / static_cast<double>(std::min(learned.samples + 1, kMemory));
  learned.factor += (ratio - learned.factor) * weight;
  learned.changed = true;
}

std::vector<Calibration::Learned> Calibration::take_changed() {
  std::vector<Learned> changed;
  const std::lock_guard lock(mutex_);
  for (auto& [model, entry] : entries_) {
    if (!std::exchange(entry.changed, false)) continue;
    changed.push_back({.model = model, .factor = entry.factor, .samples = entry.samples});
  }
  return changed;
}

void Calibration::restore(const std::vector<Learned>& kept) {
  const std::lock_guard lock(mutex_);
  for (const Learned& each : kept) {
    if (!plausible(each.factor) || each.samples <= 0) continue;
    Entry& restored = entry(each.model, each.factor);
    restored.factor = each.factor;
    restored.samples = each.samples;
  }
}

}  // namespace sluice::tokens
