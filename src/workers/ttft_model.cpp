#include "workers/ttft_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace sluice::workers {
namespace {

constexpr double kLeast = 0.25;  // of the prior
constexpr double kMost = 4;

// What a sample still counts when the next has come: the last 25 make up most of the sums.
constexpr double kDecay = 0.96;
constexpr double kRidge = 0.01;  // so that what no sample tells of stays as it is

// Of a new sample in the mean error, which starts at 0: a dozen say nothing yet.
constexpr double kErrorShare = 0.05;
constexpr double kTooFar = 0.5;

struct KnownGpu {
  std::string_view name;
  Speed speed;
};

// For a model that just fills the GPU; only the relation between them matters much. Where one
// name contains another the longer comes first.
constexpr std::array kGpus = std::to_array<KnownGpu>({
    {"B300", {.prefill_tps = 11000, .step = 0.007, .step_more = 0.00003}},
    {"B200", {.prefill_tps = 9500, .step = 0.008, .step_more = 0.00003}},
    {"GH200", {.prefill_tps = 4700, .step = 0.010, .step_more = 0.00005}},
    {"H200", {.prefill_tps = 4500, .step = 0.010, .step_more = 0.00005}},
    {"H100", {.prefill_tps = 4400, .step = 0.012, .step_more = 0.00006}},
    {"H20", {.prefill_tps = 1000, .step = 0.011, .step_more = 0.00010}},
    {"H800", {.prefill_tps = 4400, .step = 0.012, .step_more = 0.00006}},
    {"MI355", {.prefill_tps = 8000, .step = 0.008, .step_more = 0.00004}},
    {"MI325", {.prefill_tps = 4400, .step = 0.010, .step_more = 0.00005}},
    {"MI300", {.prefill_tps = 4000, .step = 0.011, .step_more = 0.00006}},
    {"A100", {.prefill_tps = 2350, .step = 0.020, .step_more = 0.00010}},
    {"A800", {.prefill_tps = 2350, .step = 0.020, .step_more = 0.00010}},
    {"L40", {.prefill_tps = 1210, .step = 0.030, .step_more = 0.00015}},
    {"6000 ADA", {.prefill_tps = 1210, .step = 0.030, .step_more = 0.00015}},
    {"RTX PRO 6000", {.prefill_tps = 1700, .step = 0.020, .step_more = 0.00010}},
    {"5090", {.prefill_tps = 1500, .step = 0.020, .step_more = 0.00010}},
    {"4090", {.prefill_tps = 1200, .step = 0.030, .step_more = 0.00015}},
    {"3090", {.prefill_tps = 600, .step = 0.032, .step_more = 0.00020}},
    {"A6000", {.prefill_tps = 650, .step = 0.038, .step_more = 0.00020}},
    {"A40", {.prefill_tps = 650, .step = 0.040, .step_more = 0.00020}},
    {"A10", {.prefill_tps = 500, .step = 0.048, .step_more = 0.00025}},
    {"L4", {.prefill_tps = 450, .step = 0.080, .step_more = 0.00030}},
    {"V100", {.prefill_tps = 500, .step = 0.035, .step_more = 0.00025}},
    {"T4", {.prefill_tps = 200, .step = 0.090, .step_more = 0.00050}},
});

bool contains(std::string_view text, std::string_view upper) {
  const auto same = [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; };
  return !std::ranges::search(text, upper, same).empty();
}

/// `least` for what is no number.
double within(double value, double least, double most) {
  return value > least ? std::min(value, most) : least;
}

double kept(double factor) { return std::clamp(factor, kLeast, kMost); }

}  // namespace

Speed prior_speed(std::string_view gpu_name) {
  for (const KnownGpu& gpu : kGpus) {
    if (contains(gpu_name, gpu.name)) return gpu.speed;
  }
  return {.prefill_tps = 2350, .step = 0.020, .step_more = 0.00010};
}

TtftModel::TtftModel(const Speed& prior)
    : prior_{.prefill_tps = within(prior.prefill_tps, 1, 1e7),
             .step = within(prior.step, 1e-6, 10),
             .step_more = within(prior.step_more, 1e-9, 1)} {
  set(prior_);
}

void TtftModel::learn_first_token(const Backlog& at_dispatch, Duration took) {
  double seen = seconds(took);
  if (seen <= 0 || seen > kLongest) return;
  const double expected = predict_seconds(at_dispatch);
  error_ += kErrorShare * (std::abs(expected - seen) / std::max(expected, seen) - error_);

  seen = std::clamp(seen, expected * kLeast, expected * kMost);
  // In relation to what it would take by the prior: otherwise long waits would decide alone.
  const double tokens = tokens_of(at_dispatch);
  const double usual =
      tokens / prior_.prefill_tps +
      steps_of(tokens) * (prior_.step + prior_.step_more * std::max(at_dispatch.decoding, 0.0));
  const double t = tokens / prior_.prefill_tps / usual;
  const double y = (seen - steps_of(tokens) * step_of(at_dispatch)) / usual;
  prefill_.tt = prefill_.tt * kDecay + t * t;
  prefill_.ty = prefill_.ty * kDecay + t * y;
  const double before = prior_.prefill_tps / speed_.prefill_tps;
  const double factor = kept((prefill_.ty + kRidge * before) / (prefill_.tt + kRidge));
  set({.prefill_tps = prior_.prefill_tps / factor,
       .step = speed_.step,
       .step_more = speed_.step_more});
}

void TtftModel::learn_token(double decoding, Duration took) {
  double seen = seconds(took);
  if (seen <= 0 || seen > kLongest) return;
  const double others = std::max(0.0, decoding);
  const double expected = speed_.step + speed_.step_more * others;
  // A step in which a prompt is prefilled takes many times as long as the others.
  seen = std::clamp(seen, expected / 2, expected * 2) / prior_.step;
  const double m = prior_.step_more / prior_.step * others;
  steps_.bb = steps_.bb * kDecay + 1;
  steps_.bm = steps_.bm * kDecay + m;
  steps_.mm = steps_.mm * kDecay + m * m;
  steps_.by = steps_.by * kDecay + seen;
  steps_.my = steps_.my * kDecay + m * seen;
  // Least squares within bounds, by descent along each coordinate in turn: goes on from where it
  // was, so that a few rounds are enough.
  double first = speed_.step / prior_.step;
  double more = speed_.step_more / prior_.step_more;
  for (int round = 0; round < 4; ++round) {
    first = kept((steps_.by - steps_.bm * more + kRidge * first) / (steps_.bb + kRidge));
    more = kept((steps_.my - steps_.bm * first + kRidge * more) / (steps_.mm + kRidge));
  }
  speed_.step = prior_.step * first;
  speed_.step_more = prior_.step_more * more;
}

bool TtftModel::unreliable() const { return error_ > kTooFar; }

}  // namespace sluice::workers
