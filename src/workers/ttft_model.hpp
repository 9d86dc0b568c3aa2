// How long a worker takes to the first token of a request, learned from its own answers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"

namespace sluice::workers {

/// Speed of one model on one worker.
struct Speed {
  double prefill_tps = 4000;  // tokens of prompt a second
  double step = 0.020;        // d0: seconds of a decode step with one sequence
  double step_more = 0.0001;  // d1: seconds that each further sequence adds to it
};

/// By the GPU's name ("NVIDIA H100 80GB HBM3"); the middle of the field where it is not known.
Speed prior_speed(std::string_view gpu_name);

/// What lies on a worker when a request comes to it.
struct Backlog {
  double prefill_tokens = 0;  // that others wait for
  double own_tokens = 0;      // of the request, that are in no cache
  double decoding = 0;        // sequences
};

/// TTFT = (backlog + own) / prefill_tps + steps * (d0 + d1 * decoding), one step for each
/// kChunk tokens. The three are fitted by exponentially weighted least squares and kept
/// within a quarter and four times of the prior. Times that cannot be are ignored, and one that
/// is far from what was expected moves them no more than four times that would.
///
/// Plain state: one thread at a time.
class TtftModel {
 public:
  static constexpr double kChunk = 2048;  // tokens that a step prefills

  /// A prior that cannot be is brought within what can.
  explicit TtftModel(const Speed& prior);

  Duration predict(const Backlog& backlog) const {
    return Duration(static_cast<int64_t>(predict_seconds(backlog) * 1e9));
  }
  /// The same without a detour over integers, for who compares many. Never beyond an hour.
  double predict_seconds(const Backlog& backlog) const {
    const double tokens = tokens_of(backlog);
    return std::min(tokens * seconds_a_token_ + steps_of(tokens) * step_of(backlog), kLongest);
  }
  const Speed& speed() const { return speed_; }

  /// A first token came after `took` where `at_dispatch` lay before it.
  void learn_first_token(const Backlog& at_dispatch, Duration took);
  /// A token came `took` after the one before while so many sequences were decoded; or so long on
  /// average, which is one sample too.
  void learn_token(double decoding, Duration took);

  /// Its predictions have lately been off by more than half: they are not to be gone by.
  bool unreliable() const;
  /// Mean of |predicted - seen|, in relation to the larger of the two, lately. So one that is twice
  /// too long weighs as much as one that is twice too short: where other gateways use the worker
  /// too, waits that do not come are as frequent as waits that nobody foresaw, and the predictions
  /// still tell workers apart.
  double error() const { return error_; }

  /// The worker is another one now.
  void reset(const Speed& prior) { *this = TtftModel(prior); }

 private:
  static constexpr double kLongest = 3600;  // seconds; what takes longer tells of something else

  static double tokens_of(const Backlog& backlog) {
    return std::max(backlog.prefill_tokens, 0.0) + std::max(backlog.own_tokens, 0.0);
  }
  /// std::ceil is a call where the processor is not known to have an instruction for it.
  static double steps_of(double tokens) {
    const auto whole = static_cast<int64_t>(std::min(tokens, 1e12) / kChunk);
    const auto steps = static_cast<double>(whole);
    return steps * kChunk < tokens || whole == 0 ? steps + 1 : steps;
  }
  double step_of(const Backlog& backlog) const {
    return speed_.step + speed_.step_more * std::max(backlog.decoding, 0.0);
  }
  void set(const Speed& speed) {
    speed_ = speed;
    seconds_a_token_ = 1 / speed.prefill_tps;
  }

  Speed prior_;
  Speed speed_;
  double seconds_a_token_ = 0;
  double error_ = 0;
  // Sums of the weighted normal equations, in units of the prior, which is there from the start
  // like so many samples and forgotten like them.
  struct {
    double tt = 2, ty = 2;
  } prefill_;
  struct {
    double bb = 5, bm = 0, mm = 5, by = 5, my = 5;  // b: the first sequence, m: further ones
  } steps_;
};

}  // namespace sluice::workers
