// What a scrape sums up, and the two forms in which it is shown.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/clock.hpp"
#include "observe/histogram.hpp"
#include "observe/metrics.hpp"
#include "observe/process.hpp"

namespace sluice::observe {

/// All loops' blocks added up.
struct Totals {
  /// Seconds over which requests_per_second is taken.
  static constexpr uint32_t kRateWindow = 10;

  struct Series {
    std::map<int, uint64_t> statuses;
    HistogramSum duration, first_token, between_tokens, overhead;
    uint64_t tokens_in = 0;
    uint64_t tokens_out = 0;
  };
  // route, dialect, provider, model
  using Key = std::tuple<std::string_view, std::string_view, std::string_view, std::string_view>;

  std::map<Key, Series> series;
  std::array<uint64_t, static_cast<size_t>(CancelReason::kCount)> upstream_cancels{};
  std::array<uint64_t, static_cast<size_t>(RetryReason::kCount)> retries{};
  std::array<uint64_t, static_cast<size_t>(LimitReason::kCount)> limit_hits{};
  int64_t live_requests = 0;
  int64_t active_streams = 0;
  int64_t connections = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t malformed_events = 0;
  uint64_t budget_cutoffs = 0;
  uint64_t count_mismatches = 0;
  std::optional<LedgerFigures> ledger;
  std::optional<FleetFigures> fleet;
  double requests_per_second = 0;
  double cpu_percent = 0;
  Duration uptime{0};
  ProcessStats process;
  std::string_view version;
  std::string_view build_type;

  /// The views stay the series' own.
  void add(const RequestSeries& from);
};

/// Prometheus text exposition format 0.0.4:
/// https://prometheus.io/docs/instrumenting/exposition_formats/
std::string render_prometheus(const Totals& totals);

/// The seeds' JSON object and what the contract adds to it.
std::string render_json(const Totals& totals);

}  // namespace sluice::observe
