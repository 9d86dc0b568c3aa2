#include "load/options.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace sluice::load {

namespace {

// Descriptors that are no connections: loops, log, standard streams.
constexpr uint64_t kOtherDescriptors = 32;

// Raises this process's limit as far as it may be raised.
uint64_t available_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return std::min<uint64_t>(limit.rlim_cur, 1'000'000);
}

}  // namespace

Status complete(Options& options) {
  const auto refuse = [](std::string why) {
    return fail(ErrorCode::kInvalidRequest, std::move(why));
  };
  if (options.rate < 0 || options.rate > 1e6) return refuse("--rate must be from 0 to 1000000");
  if (options.abort < 0 || options.abort > 1) return refuse("--abort must be from 0 to 1");
  if (options.abort > 0 && !options.stream && options.abort_at == Duration::zero()) {
    return refuse("--abort without streams needs --abort-at");
  }
  if (options.abort_at >= options.timeout) return refuse("--abort-at must be below --timeout");
  if (options.abort_within == 0) return refuse("--abort-within must be at least 1");
  if (options.threads == 0 || options.threads > 64) return refuse("--threads must be 1 to 64");
  if (options.timeout <= Duration::zero()) return refuse("--timeout must be above 0");
  if (options.prompt_bytes > 32 * 1024 * 1024) return refuse("--prompt-bytes is at most 33554432");
  if (options.rate > 0 && options.ramp > Duration::zero()) {
    return refuse("--ramp is for closed loops; --rate says when requests start");
  }
  for (const auto& header : options.headers) {
    if (header.find(':') == std::string::npos || header.find_first_of("\r\n") != header.npos) {
      return refuse(fmt::format("--header needs 'name: value', not '{}'", header));
    }
  }
  if (options.requests == 0 && options.duration == Duration::zero()) {
    options.duration = std::chrono::seconds(10);
  }
  const uint64_t most = available_descriptors() - kOtherDescriptors;
  if (options.concurrency == 0) {
    options.concurrency = options.rate > 0 ? static_cast<uint32_t>(most) : 10;
  }
  if (options.concurrency > most) {
    return refuse(
        fmt::format("--concurrency {} needs more descriptors than this process may have "
                    "({} connections fit; see ulimit -Hn)",
                    options.concurrency, most));
  }
  options.threads = std::min(options.threads, options.concurrency);
  return {};
}

Result<Duration> parse_duration(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const std::string_view unit(parsed.ptr, static_cast<size_t>(end - parsed.ptr));
  static constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  const auto known = std::find_if(kUnits.begin(), kUnits.end(),
                                  [&](const auto& each) { return each.first == unit; });
  const bool bare_zero = number == 0 && unit.empty();
  // A week is more than any measurement takes, and far from what overflows.
  if (parsed.ec != std::errc{} || !(number >= 0) || (known == kUnits.end() && !bare_zero) ||
      (known != kUnits.end() && number * known->second > 7 * 24 * 3600e9)) {
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("'{}' is not a duration such as 250ms, 10s or 2m", text));
  }
  return Duration(bare_zero ? 0 : static_cast<int64_t>(number * known->second));
}

}  // namespace sluice::load
