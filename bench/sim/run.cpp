#include "sim/run.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>

#include "sim/gateway.hpp"
#include "sim/random.hpp"

namespace sluice::sim {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kVram = int64_t{80} * 1024 * 1024 * 1024;

int64_t nanos(double s) { return std::llround(s * 1e9); }

struct Worker {
  explicit Worker(const Gpu& gpu) : engine(gpu) {}
  Engine engine;
  int64_t step_end = kNever;
  int64_t next_beat = 0;
  int64_t seq = 0;
};

class Simulation {
 public:
  explicit Simulation(const Setup& setup) : setup_(setup), random_(setup.seed) {
    const size_t count = setup.arrivals.size();
    outcome_.ttft.resize(count);
    outcome_.worker.resize(count);
    gateway_of_.resize(count);
    for (const Arrival& arrival : setup.arrivals) {
      outcome_.at.push_back(arrival.at / setup.rate);
      gateway_of_[outcome_.at.size() - 1] = random_.below(static_cast<uint64_t>(setup.gateways));
    }
    for (const Gpu* gpu : setup.gpus) workers_.emplace_back(*gpu);
    for (int i = 0; i < setup.gateways; ++i) {
      gateways_.push_back(make_gateway({.policy = setup.policy,
                                        .gateways = setup.gateways,
                                        .requests = count,
                                        .gpus = setup.gpus}));
    }
    waiting_.resize(gateways_.size());
    for (size_t i = 0; i < workers_.size(); ++i) {
      beat(i);
      workers_[i].next_beat = nanos(setup.interval * random_.share());
    }
  }

  Outcome go() {
    size_t next = 0;
    size_t open = setup_.arrivals.size();
    int64_t slow_at = setup_.slowdown ? nanos(setup_.slowdown->at) : kNever;
    while (open > 0) {
      int64_t soonest = next < outcome_.at.size() ? nanos(outcome_.at[next]) : kNever;
      enum { kArrival, kStep, kBeat, kSlow } what = kArrival;
      size_t which = 0;
      for (size_t i = 0; i < workers_.size(); ++i) {
        if (workers_[i].step_end < soonest) {
          soonest = workers_[i].step_end;
          what = kStep;
          which = i;
        }
        if (workers_[i].next_beat < soonest) {
          soonest = workers_[i].next_beat;
          what = kBeat;
          which = i;
        }
      }
      if (slow_at < soonest) {
        soonest = slow_at;
        what = kSlow;
      }
      now_ = soonest;
      switch (what) {
        case kArrival:
          waiting_[gateway_of_[next]].push_back(next);
          serve(gateway_of_[next]);
          ++next;
          break;
        case kStep:
          open -= end_step(which);
          break;
        case kBeat:
          beat(which);
          workers_[which].next_beat += nanos(setup_.interval);
          for (size_t i = 0; i < gateways_.size(); ++i) serve(i);
          break;
        case kSlow:
          workers_[setup_.slowdown->worker].engine.slow_down(setup_.slowdown->times);
          slow_at = kNever;
          break;
      }
    }
    int64_t reused = 0;
    int64_t tokens = 0;
    for (const Arrival& arrival : setup_.arrivals) tokens += arrival.prompt;
    for (const Worker& worker : workers_) {
      reused += worker.engine.reused_tokens();
      outcome_.preemptions += worker.engine.preemptions();
    }
    outcome_.reused =
        static_cast<double>(reused) / static_cast<double>(std::max<int64_t>(tokens, 1));
    return std::move(outcome_);
  }

 private:
  /// An hour after the clock's start, which means "never" in places.
  TimePoint time() const { return TimePoint(std::chrono::hours(1)) + Duration(now_); }

  /// Requests that a gateway could not place wait there in order.
  void serve(size_t gateway) {
    auto& queue = waiting_[gateway];
    while (!queue.empty()) {
      const size_t request = queue.front();
      const Arrival& arrival = setup_.arrivals[request];
      const auto worker = gateways_[gateway]->place(request, judged(request), arrival.prefix,
                                                    time(), random_.bits());
      if (!worker) return;
      queue.pop_front();
      outcome_.worker[request] = static_cast<uint32_t>(*worker);
      workers_[*worker].engine.submit({.id = request,
                                       .prompt = arrival.prompt,
                                       .output = arrival.output,
                                       .prefix = arrival.prefix});
      begin_step(*worker);
    }
  }

  /// The tokens of the prompt as the gateway counts them.
  int64_t judged(size_t request) const {
    const int64_t prompt = setup_.arrivals[request].prompt;
    if (setup_.misjudged == 0) return prompt;
    const double error = setup_.misjudged * (2 * Random(setup_.seed + request).share() - 1);
    return std::llround(static_cast<double>(prompt) * (1 + error));
  }

  void begin_step(size_t index) {
    Worker& worker = workers_[index];
    if (const auto takes = worker.engine.begin_step()) worker.step_end = now_ + takes->count();
  }

  /// How many requests have come to their end.
  size_t end_step(size_t index) {
    step_.first.clear();
    step_.finished.clear();
    workers_[index].step_end = kNever;
    workers_[index].engine.end_step(step_);
    for (const size_t request : step_.first) {
      outcome_.ttft[request] = static_cast<double>(now_ - nanos(outcome_.at[request])) / 1e9;
      gateways_[gateway_of_[request]]->first_token(request, time());
    }
    for (const size_t request : step_.finished) {
      gateways_[gateway_of_[request]]->finished(request, setup_.arrivals[request].output, time());
    }
    begin_step(index);
    if (!step_.finished.empty()) {
      for (size_t i = 0; i < gateways_.size(); ++i) serve(i);
    }
    return step_.finished.size();
  }

  void beat(size_t index) {
    Worker& worker = workers_[index];
    const Engine& engine = worker.engine;
    const Gpu& gpu = engine.gpu();
    workers::Heartbeat heartbeat;
    heartbeat.worker_id = "w" + std::to_string(index);
    heartbeat.supported = {std::string(kModel)};
    // An engine takes its memory at the start: what the driver calls free never changes.
    heartbeat.total_vram = kVram;
    heartbeat.available_vram = kVram / 10;
    heartbeat.active_tasks = engine.running();
    heartbeat.max_tasks = gpu.max_tasks;
    heartbeat.endpoint = "http://" + heartbeat.worker_id;
    heartbeat.boot_id = "1";
    heartbeat.seq = ++worker.seq;
    heartbeat.sample_at = seconds(time().time_since_epoch());
    heartbeat.interval_ms = std::llround(setup_.interval * 1000);
    if (!setup_.nameless) {
      heartbeat.gpus = {
          {.name = std::string(gpu.name), .total_bytes = kVram, .free_bytes = kVram / 10}};
    }
    heartbeat.kv_total_tokens = gpu.kv_tokens;
    heartbeat.kv_free_tokens = engine.kv_free();
    heartbeat.waiting_tasks = engine.waiting();
    for (const auto& gateway : gateways_) gateway->heartbeat(index, heartbeat, time());
  }

  const Setup& setup_;
  Random random_;
  int64_t now_ = 0;
  Outcome outcome_;
  std::vector<size_t> gateway_of_;
  std::vector<Worker> workers_;
  std::vector<std::unique_ptr<Gateway>> gateways_;
  std::vector<std::deque<size_t>> waiting_;
  Engine::Outcome step_;
};

}  // namespace

Outcome run(const Setup& setup) { return Simulation(setup).go(); }

}  // namespace sluice::sim
