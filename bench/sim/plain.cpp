#include "sim/plain.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "sim/random.hpp"
#include "workers/score.hpp"

namespace sluice::sim {
namespace {

class PlainGateway final : public Gateway {
 public:
  PlainGateway(Plain plain, const GatewayOptions& options)
      : plain_(plain), active_(options.gpus.size()), standings_(options.gpus.size()) {
    worker_of_.resize(options.requests);
    for (const Gpu* gpu : options.gpus) {
      speed_.push_back(plain == Plain::kWeightedLeastConnections ? 1 / gpu->prefill_ms : 1);
    }
  }

  void heartbeat(size_t worker, const workers::Heartbeat& heartbeat, TimePoint) override {
    workers::Standing& standing = standings_[worker];
    standing.memory_free = static_cast<double>(heartbeat.available_vram.value_or(0));
    standing.memory_total = static_cast<double>(heartbeat.total_vram.value_or(0));
    standing.active = static_cast<double>(heartbeat.active_tasks.value_or(0) +
                                          heartbeat.waiting_tasks.value_or(0));
    standing.active_max = static_cast<double>(heartbeat.max_tasks.value_or(0));
  }

  std::optional<size_t> place(size_t request, int64_t, std::span<const uint64_t>, TimePoint,
                              uint64_t bits) override {
    Random random(bits);
    const size_t worker = choose(random);
    ++active_[worker];
    worker_of_[request] = worker;
    return worker;
  }

  void first_token(size_t, TimePoint) override {}
  void finished(size_t request, int64_t, TimePoint) override { --active_[worker_of_[request]]; }

 private:
  size_t choose(Random& random) {
    const size_t count = active_.size();
    if (plain_ == Plain::kRoundRobin) return next_++ % count;
    if (plain_ == Plain::kSeedTwoChoices) {
      const size_t first = random.below(count);
      const size_t second = (first + 1 + random.below(count - 1)) % count;
      return goodness(first) >= goodness(second) ? first : second;
    }
    // Ties are broken at random.
    size_t best = 0;
    double most = 0;
    uint64_t ties = 0;
    for (size_t i = 0; i < count; ++i) {
      const double good = goodness(i);
      if (ties == 0 || good > most) {
        ties = 0;
        most = good;
      }
      if (good == most && random.below(++ties) == 0) best = i;
    }
    return best;
  }

  double goodness(size_t worker) const {
    if (plain_ == Plain::kSeedOnHeartbeat || plain_ == Plain::kSeedTwoChoices) {
      return workers::score(standings_[worker], config::Strategy::kVram, {}).total;
    }
    return -(active_[worker] + 1) / speed_[worker];
  }

  Plain plain_;
  size_t next_ = 0;
  std::vector<double> active_;
  std::vector<double> speed_;
  std::vector<workers::Standing> standings_;
  std::vector<size_t> worker_of_;
};

}  // namespace

std::unique_ptr<Gateway> make_plain(Plain plain, const GatewayOptions& options) {
  return std::make_unique<PlainGateway>(plain, options);
}

}  // namespace sluice::sim
