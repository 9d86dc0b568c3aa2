// What a run found, as a table for people and as JSON for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/options.hpp"
#include "load/tally.hpp"

namespace sluice::load {

struct CpuUse {
  int32_t pid = 0;
  Duration used{};  // user and system time of all its threads within the window
};

struct Report {
  Options options;
  std::string target;
  Tally tally;
  Duration window{};  // how long was measured
  std::vector<CpuUse> cpu;
  bool interrupted = false;

  /// Requests that neither ended nor failed: an interrupted run leaves them.
  uint64_t unfinished() const;
};

std::string to_table(const Report& report);
/// One object. Durations in microseconds unless the name says otherwise.
std::string to_json(const Report& report);

}  // namespace sluice::load
