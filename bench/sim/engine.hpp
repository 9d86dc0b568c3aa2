// A GPU worker as a step-by-step model: continuous batching with chunked prefill, as vLLM does it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "sim/kv_cache.hpp"

namespace sluice::sim {

struct Gpu {
  std::string_view kind;    // in --fleet
  std::string_view name;    // in heartbeats
  double prefill_ms = 0;    // a token
  double step_ms = 0;       // with one sequence
  double step_more_ms = 0;  // that each further sequence adds
  int64_t max_tasks = 0;    // that it says it takes
  int64_t kv_tokens = 0;    // that its cache holds
};

/// nullptr: unknown.
const Gpu* gpu_of(std::string_view kind);

/// What is asked of an engine. The prefix must outlive it.
struct Job {
  size_t id = 0;
  int64_t prompt = 0;
  int64_t output = 1;
  std::span<const uint64_t> prefix;  // hashes of its blocks of kBlockTokens
};

class Engine {
 public:
  static constexpr int64_t kChunk = 2048;  // tokens that a step prefills
  static constexpr size_t kMaxRunning = 256;

  explicit Engine(const Gpu& gpu) : gpu_(gpu), cache_(gpu.kv_tokens) {}

  const Gpu& gpu() const { return gpu_; }
  /// From now on each step takes so many times as long.
  void slow_down(double times) { slowness_ = times; }

  /// Last in the queue, which is served in order.
  void submit(const Job& job);
  /// Begins a step when none runs and there is something to do; says how long it takes.
  std::optional<Duration> begin_step();
  bool stepping() const { return stepping_; }

  struct Outcome {
    std::vector<size_t> first;     // jobs that have got their first token
    std::vector<size_t> finished;  // after that perhaps
  };
  /// Adds to `outcome` what the step has brought.
  void end_step(Outcome& outcome);

  // Gauges.
  int64_t running() const { return static_cast<int64_t>(running_); }
  int64_t waiting() const { return static_cast<int64_t>(waiting_.size()); }
  int64_t kv_free() const { return cache_.reclaimable(); }
  int64_t reused_tokens() const { return reused_tokens_; }
  int64_t preemptions() const { return preemptions_; }

 private:
  struct Sequence {
    Job job;
    int64_t generated = 0;
    int64_t unread = 0;  // tokens of its prompt, and of its output if it was preempted
    size_t pinned = 0;   // blocks of its prefix that the cache holds for it
    int64_t own = 0;     // tokens that it has in no shared block
    uint64_t admitted = 0;
    uint64_t counted_at = 0;  // steps_ when `generated` and `own` were right
  };

  void admit();
  bool admit(Sequence& sequence);
  void settle(Sequence& sequence) const;
  void release(Sequence& sequence);
  void make_room();
  size_t free_place();

  const Gpu& gpu_;
  KvCache cache_;
  double slowness_ = 1;
  bool stepping_ = false;
  uint64_t steps_ = 0;  // that have decoded
  uint64_t admissions_ = 0;
  size_t running_ = 0;
  int64_t reused_tokens_ = 0;
  int64_t preemptions_ = 0;
  std::deque<Sequence> waiting_;
  std::vector<Sequence> sequences_;  // that run; places are used again
  std::vector<size_t> free_;
  std::deque<size_t> reading_;                      // their prompts, in order
  std::vector<size_t> read_;                        // to their end in this step
  std::set<std::pair<uint64_t, size_t>> decoding_;  // by the step that is their last
};

}  // namespace sluice::sim
