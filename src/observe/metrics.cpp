#include "observe/metrics.hpp"

#include <algorithm>

#include "observe/exposition.hpp"

namespace sluice::observe {
namespace {

constexpr std::string_view kOther = "other";

uint32_t second_of(TimePoint at) {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
}

}  // namespace

std::string_view to_string(CancelReason reason) {
  switch (reason) {
    case CancelReason::kClientGone:
      return "client_gone";
    case CancelReason::kFirstToken:
      return "first_token_timeout";
    case CancelReason::kStalled:
      return "stalled";
    case CancelReason::kTotal:
      return "total_timeout";
    case CancelReason::kDraining:
      return "draining";
    case CancelReason::kBudget:
      return "budget";
    case CancelReason::kOther:
    case CancelReason::kCount:
      break;
  }
  return kOther;
}

std::string_view to_string(LimitReason reason) {
  switch (reason) {
    case LimitReason::kRequests:
      return "requests";
    case LimitReason::kTokens:
      return "tokens";
    case LimitReason::kParallel:
      return "parallel";
    case LimitReason::kQuota:
      return "quota";
    case LimitReason::kCount:
      break;
  }
  return kOther;
}

std::string_view to_string(RetryReason reason) {
  switch (reason) {
    case RetryReason::kRateLimited:
      return "rate_limited";
    case RetryReason::kServerError:
      return "server_error";
    case RetryReason::kOverloaded:
      return "overloaded";
    case RetryReason::kReset:
      return "reset";
    case RetryReason::kUnreachable:
      return "unreachable";
    case RetryReason::kSilent:
      return "silent";
    case RetryReason::kStalled:
      return "stalled";
    case RetryReason::kContextLength:
      return "context_length";
    case RetryReason::kCredential:
      return "credential";
    case RetryReason::kDeclined:
      return "declined";
    case RetryReason::kCount:
      break;
  }
  return kOther;
}

void StatusCounts::add(int status) {
  const bool valid = status >= 100 && status <= 999;
  for (size_t i = 0; valid && i + 1 < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    const uint16_t held = slot.status.load(std::memory_order_relaxed);
    if (held == 0) slot.status.store(static_cast<uint16_t>(status), std::memory_order_relaxed);
    if (held == 0 || held == status) return slot.count.add();
  }
  slots_.back().count.add();
}

LoopMetrics::LoopMetrics() : overflow_(std::make_unique<RequestSeries>()) {
  overflow_->route = overflow_->dialect = overflow_->provider = overflow_->model = kOther;
}

LoopMetrics::~LoopMetrics() {
  for (std::atomic<RequestSeries*>& series : series_) delete series.load();
}

size_t LoopMetrics::Hash::operator()(const RequestLabels& labels) const {
  const std::hash<std::string_view> hash;
  size_t seed = 0;
  for (const std::string_view part :
       {labels.route, labels.dialect, labels.provider, labels.model}) {
    seed = (seed ^ hash(part)) * 0x9E3779B97F4A7C15U;
  }
  return seed;
}

RequestSeries* LoopMetrics::series(const RequestLabels& labels) {
  const auto found = index_.find(labels);
  return found != index_.end() ? found->second : add_series(labels);
}

RequestSeries* LoopMetrics::add_series(const RequestLabels& labels) {
  const size_t used = series_count_.load(std::memory_order_relaxed);
  if (used == kMaxSeries) return overflow_.get();

  auto series = std::make_unique<RequestSeries>();
  series->route = labels.route;
  series->dialect = labels.dialect;
  series->provider = labels.provider;
  series->model = labels.model;
  RequestSeries* const raw = series.get();
  index_.emplace(RequestLabels{raw->route, raw->dialect, raw->provider, raw->model}, raw);
  series_[used].store(series.release(), std::memory_order_relaxed);
  series_count_.store(used + 1, std::memory_order_release);
  return raw;
}

void LoopMetrics::finished(RequestSeries& series, int status, Duration took, TimePoint now) {
  series.statuses.add(status);
  series.duration.record(took);

  const uint32_t second = second_of(now);
  std::atomic<uint64_t>& slot = per_second_[second % kSeconds];
  const uint64_t held = slot.load(std::memory_order_relaxed);
  const bool current = held >> 32 == second;
  slot.store(current ? held + 1 : (uint64_t{second} << 32) + 1, std::memory_order_relaxed);
}

uint64_t LoopMetrics::requests_between(uint32_t from, uint32_t to) const {
  uint64_t total = 0;
  for (const std::atomic<uint64_t>& slot : per_second_) {
    const uint64_t held = slot.load(std::memory_order_relaxed);
    const uint32_t second = static_cast<uint32_t>(held >> 32);
    if (second >= from && second < to) total += held & 0xFFFFFFFFU;
  }
  return total;
}

Metrics::Metrics(std::string version, std::string build_type)
    : version_(std::move(version)), build_type_(std::move(build_type)) {}

LoopMetrics& Metrics::add_loop() {
  const std::lock_guard lock(mutex_);
  return *loops_.emplace_back(std::make_unique<LoopMetrics>());
}

Totals Metrics::totals() const {
  Totals totals;
  totals.version = version_;
  totals.build_type = build_type_;
  totals.process = process_stats();
  const TimePoint at = now();
  totals.uptime = at - started_;

  const std::lock_guard lock(mutex_);
  // The second that runs now is left out: it is not complete.
  const uint32_t second = second_of(at);
  const uint32_t window =
      std::clamp<uint32_t>(static_cast<uint32_t>(seconds(totals.uptime)), 1, Totals::kRateWindow);
  uint64_t recent = 0;
  for (const auto& loop : loops_) {
    recent += loop->requests_between(second - window, second);
    add(totals, *loop);
  }
  totals.requests_per_second = static_cast<double>(recent) / window;
  totals.cpu_percent = cpu_percent(totals.process.cpu_seconds, at);
  if (ledger_) totals.ledger = ledger_();
  if (workers_) totals.fleet = workers_();
  return totals;
}

void Metrics::ask_ledger(std::function<LedgerFigures()> ledger) {
  const std::lock_guard lock(mutex_);
  ledger_ = std::move(ledger);
}

void Metrics::ask_workers(std::function<FleetFigures()> workers) {
  const std::lock_guard lock(mutex_);
  workers_ = std::move(workers);
}

void Metrics::add(Totals& totals, const LoopMetrics& loop) {
  totals.live_requests += loop.live_requests.value();
  totals.active_streams += loop.active_streams.value();
  totals.connections += loop.connections.value();
  totals.bytes_in += loop.bytes_in.value();
  totals.bytes_out += loop.bytes_out.value();
  totals.malformed_events += loop.malformed_events.value();
  totals.budget_cutoffs += loop.budget_cutoffs.value();
  totals.count_mismatches += loop.count_mismatches.value();
  for (size_t i = 0; i < totals.upstream_cancels.size(); ++i) {
    totals.upstream_cancels[i] += loop.upstream_cancels[i].value();
  }
  for (size_t i = 0; i < totals.retries.size(); ++i) totals.retries[i] += loop.retries[i].value();
  for (size_t i = 0; i < totals.limit_hits.size(); ++i) {
    totals.limit_hits[i] += loop.limit_hits[i].value();
  }

  const size_t count = loop.series_count_.load(std::memory_order_acquire);
  for (size_t i = 0; i < count; ++i) {
    totals.add(*loop.series_[i].load(std::memory_order_relaxed));
  }
  if (!loop.overflow_->statuses.empty()) totals.add(*loop.overflow_);
}

double Metrics::cpu_percent(double cpu_seconds, TimePoint at) const {
  // Two scrapes in the same second share a figure, or the second one would measure the first.
  if (const Duration passed = at - cpu_sampled_; passed >= std::chrono::seconds(1)) {
    cpu_percent_ = (cpu_seconds - cpu_seconds_) / seconds(passed) * 100;
    cpu_sampled_ = at;
    cpu_seconds_ = cpu_seconds;
  }
  return cpu_percent_;
}

std::string Metrics::prometheus() const { return render_prometheus(totals()); }
std::string Metrics::json() const { return render_json(totals()); }

}  // namespace sluice::observe
