// What runs have shown: as a table, as JSON, and as a chart.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/run.hpp"

namespace sluice::sim {

/// Of all seeds of one policy in one setting.
struct Row {
  std::string_view policy;  // title
  bool production = false;
  int gateways = 1;
  double interval = 5;  // seconds between heartbeats
  // Seconds to the first token; means over the seeds.
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double p99_least = 0;
  double p99_most = 0;
  double within = 0;         // share of the requests; mean
  double reused = 0;         // share of the prompts' tokens
  std::vector<double> ttft;  // of all seeds, sorted
};

Row row_of(std::span<const Outcome> outcomes, double target);

struct Heading {
  std::string trace;
  double rate = 1;
  std::string fleet;
  double target = 2;  // seconds
  int seeds = 1;
};

/// Markdown.
std::string table(const Heading& heading, std::span<const Row> rows);
std::string to_json(const Heading& heading, std::span<const Row> rows);
/// Which share of the requests had their first token after how long, on a logarithmic axis.
std::string svg(const Heading& heading, std::span<const Row> rows);

/// Share of the requests that went to the slow worker, each 15 s from a minute before to two
/// minutes after; mean of the outcomes.
std::string slowdown_table(const Slowdown& slowdown, std::span<const Outcome> outcomes);
/// The same between two times, in seconds.
double share_of(const Outcome& outcome, size_t worker, double from, double to);

}  // namespace sluice::sim
