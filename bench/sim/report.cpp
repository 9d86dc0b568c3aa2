#include "sim/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "json/writer.hpp"

namespace sluice::sim {
namespace {

double quantile(std::span<const double> sorted, double q) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))];
}

double share_within(std::span<const double> sorted, double target) {
  if (sorted.empty()) return 0;
  const auto end = std::ranges::upper_bound(sorted, target);
  return static_cast<double>(end - sorted.begin()) / static_cast<double>(sorted.size());
}

}  // namespace

Row row_of(std::span<const Outcome> outcomes, double target) {
  Row row;
  const auto seeds = static_cast<double>(outcomes.size());
  for (const Outcome& outcome : outcomes) {
    std::vector<double> ttft = outcome.ttft;
    std::ranges::sort(ttft);
    const double p99 = quantile(ttft, 0.99);
    row.p50 += quantile(ttft, 0.5) / seeds;
    row.p90 += quantile(ttft, 0.9) / seeds;
    row.p99 += p99 / seeds;
    row.p99_least = row.ttft.empty() ? p99 : std::min(row.p99_least, p99);
    row.p99_most = std::max(row.p99_most, p99);
    row.within += share_within(ttft, target) / seeds;
    row.reused += outcome.reused / seeds;
    row.ttft.insert(row.ttft.end(), ttft.begin(), ttft.end());
  }
  std::ranges::sort(row.ttft);
  return row;
}

std::string table(const Heading& heading, std::span<const Row> rows) {
  std::string out = fmt::format("{}, {} times its rate, on {}; seeds: {}\n\n", heading.trace,
                                heading.rate, heading.fleet, heading.seeds);
  const bool several = std::ranges::any_of(
      rows, [&](const Row& row) { return row.interval != rows.front().interval; });
  const bool reused = std::ranges::any_of(rows, [](const Row& row) { return row.reused > 0; });
  out += "| policy | gateways |";
  if (several) out += " heartbeats, s |";
  out += fmt::format(" p50, s | p90, s | p99, s | p99 by seed, s | within {} s |", heading.target);
  if (reused) out += " from cache |";
  out += several ? "\n|---|---|---|" : "\n|---|---|";
  out += reused ? "---|---|---|---|---|---|\n" : "---|---|---|---|---|\n";
  for (const Row& row : rows) {
    const std::string_view bold = row.production ? "**" : "";
    out += fmt::format("| {}{}{} | {} |", bold, row.policy, bold, row.gateways);
    if (several) out += fmt::format(" {} |", row.interval);
    out += fmt::format(" {:.2f} | {:.2f} | {:.2f} | {:.2f} to {:.2f} | {:.1f} % |", row.p50,
                       row.p90, row.p99, row.p99_least, row.p99_most, 100 * row.within);
    if (reused) out += fmt::format(" {:.1f} % |", 100 * row.reused);
    out += '\n';
  }
  return out;
}

std::string to_json(const Heading& heading, std::span<const Row> rows) {
  std::string out;
  json::Writer json(out);
  json.begin_object()
      .member("trace", heading.trace)
      .member("rate", heading.rate)
      .member("fleet", heading.fleet)
      .member("target", heading.target)
      .member("seeds", heading.seeds)
      .key("rows")
      .begin_array();
  for (const Row& row : rows) {
    json.begin_object()
        .member("policy", row.policy)
        .member("production", row.production)
        .member("gateways", row.gateways)
        .member("interval", row.interval)
        .member("p50", row.p50)
        .member("p90", row.p90)
        .member("p99", row.p99)
        .member("p99_least", row.p99_least)
        .member("p99_most", row.p99_most)
        .member("within", row.within)
        .member("reused", row.reused)
        .end_object();
  }
  json.end_array().end_object();
  out += '\n';
  return out;
}

double share_of(const Outcome& outcome, size_t worker, double from, double to) {
  size_t all = 0;
  size_t own = 0;
  for (size_t i = 0; i < outcome.at.size(); ++i) {
    if (outcome.at[i] < from || outcome.at[i] >= to) continue;
    ++all;
    if (outcome.worker[i] == worker) ++own;
  }
  return all == 0 ? 0 : static_cast<double>(own) / static_cast<double>(all);
}

std::string slowdown_table(const Slowdown& slowdown, std::span<const Outcome> outcomes) {
  std::string out = fmt::format(
      "worker {} takes {} times as long\n\n| since, s | share of the requests |\n|---|---|\n",
      slowdown.worker, slowdown.times);
  for (int from = -60; from < 120; from += 15) {
    double share = 0;
    for (const Outcome& outcome : outcomes) {
      share += share_of(outcome, slowdown.worker, slowdown.at + from, slowdown.at + from + 15) /
               static_cast<double>(outcomes.size());
    }
    out += fmt::format("| {} | {:.1f} % |\n", from, 100 * share);
  }
  return out;
}

}  // namespace sluice::sim
