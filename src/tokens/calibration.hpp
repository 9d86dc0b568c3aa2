// Learns, per model, how far the counts by a foreign encoding are from what upstreams report.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::tokens {

/// Thread-safe; a lock held for a lookup, once or twice a request. Bounded: past kMaxModels
/// further names share one entry.
class Calibration {
 public:
  static constexpr size_t kMaxModels = 1024;

  struct Learned {
    std::string model;
    double factor = 1.0;
    int64_t samples = 0;
  };

  /// The name under which all models past kMaxModels are one.
  static constexpr std::string_view kOthers = "(others)";

  /// Of the model, else `start`.
  double factor(std::string_view model, double start) const;

  /// Exponentially weighted towards reported / counted; tiny counts and absurd ratios are left
  /// out.
  void learn(std::string_view model, double start, int64_t counted, int64_t reported);

  /// What was learned since the last call, to be kept; and what was kept, at start.
  std::vector<Learned> take_changed();
  void restore(const std::vector<Learned>& kept);

 private:
  struct Entry {
    double factor = 1.0;
    int64_t samples = 0;
    bool changed = false;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  /// The model's own, or the shared one; end() when there is none yet.
  Entries::const_iterator find(std::string_view model) const;
  Entry& entry(std::string_view model, double start);

  mutable std::mutex mutex_;
  Entries entries_;
};

}  // namespace sluice::tokens
