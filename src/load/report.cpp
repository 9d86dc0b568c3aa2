#include "load/report.hpp"

#include <fmt/format.h>

#include <iterator>

#include "json/writer.hpp"

namespace sluice::load {

namespace {

double micros(Duration d) { return static_cast<double>(d.count()) / 1e3; }

double per_second(uint64_t count, Duration window) {
  return window.count() > 0 ? static_cast<double>(count) / seconds(window) : 0;
}

double each(Duration total, uint64_t count) {
  return count > 0 ? micros(total) / static_cast<double>(count) : 0;
}

// "850 us", "12.3 ms", "4.56 s": three digits, the unit that fits.
std::string human(Duration d) {
  const auto ns = static_cast<double>(d.count());
  const auto [divisor, unit] = ns < 1e6   ? std::pair(1e3, "us")
                               : ns < 1e9 ? std::pair(1e6, "ms")
                                          : std::pair(1e9, "s");
  const double value = ns / divisor;
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, unit);
}

std::string human_bytes(uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value < 1e6) return fmt::format("{:.1f} kB", value / 1e3);
  if (value < 1e9) return fmt::format("{:.1f} MB", value / 1e6);
  return fmt::format("{:.2f} GB", value / 1e9);
}

void append_latency(std::string& out, std::string_view name, const Latency& latency) {
  if (latency.count() == 0) return;
  fmt::format_to(std::back_inserter(out), "{:<16}", name);
  for (const double q : {0.5, 0.9, 0.99, 0.999, 1.0}) {
    fmt::format_to(std::back_inserter(out), "{:>10}", human(latency.quantile(q)));
  }
  fmt::format_to(std::back_inserter(out), "{:>12}\n", latency.count());
}

void write_latency(json::Writer& json, std::string_view name, const Latency& latency) {
  json.key(name).begin_object().member("count", latency.count());
  json.member("mean", micros(latency.mean()));
  json.member("p50", micros(latency.quantile(0.5)));
  json.member("p90", micros(latency.quantile(0.9)));
  json.member("p99", micros(latency.quantile(0.99)));
  json.member("p999", micros(latency.quantile(0.999)));
  json.member("max", micros(latency.max())).end_object();
}

std::string describe_load(const Options& options) {
  if (options.rate > 0) {
    return fmt::format("open loop, {} arrivals per second, {}, at most {} in flight", options.rate,
                       options.spacing == Spacing::kPoisson ? "Poisson" : "equally spaced",
                       options.concurrency);
  }
  return fmt::format("closed loop, {} connections", options.concurrency);
}

std::string describe_failures(const Tally& tally) {
  std::string out;
  for (size_t i = 0; i < kFailures; ++i) {
    if (tally.failed[i] == 0) continue;
    const auto failure = static_cast<Failure>(i);
    if (failure == Failure::kStatus) {
      for (const auto& [status, count] : tally.statuses) {
        fmt::format_to(std::back_inserter(out), ", {} HTTP {}", count, status);
      }
    } else {
      fmt::format_to(std::back_inserter(out), ", {} {}", tally.failed[i], to_string(failure));
    }
  }
  return out.empty() ? out : " (" + out.substr(2) + ")";
}

}  // namespace

uint64_t Report::unfinished() const {
  return tally.started - tally.ok - tally.aborted - tally.warmed_up - tally.all_failed();
}

std::string to_table(const Report& report) {
  const Options& options = report.options;
  const Tally& tally = report.tally;
  std::string out;
  const auto line = [&](std::string_view name, std::string_view text) {
    fmt::format_to(std::back_inserter(out), "{:<16}{}\n", name, text);
  };
  line("target", fmt::format("{}, model {}, {}", report.target, options.model,
                             options.stream ? "streamed" : "not streamed"));
  line("load", fmt::format("{}, {} thread{}; {} measured{}", describe_load(options),
                           options.threads, options.threads == 1 ? "" : "s", human(report.window),
                           options.warmup.count() > 0
                               ? fmt::format(" after {} of warm-up", human(options.warmup))
                               : std::string()));
  line("requests",
       fmt::format("{} ok, {} failed{}, {} aborted{}; {:.1f} ok per second", tally.ok,
                   tally.all_failed(), describe_failures(tally), tally.aborted,
                   report.unfinished() > 0 ? fmt::format(", {} unfinished", report.unfinished())
                                           : std::string(),
                   per_second(tally.ok, report.window)));
  line("", fmt::format("{} in the warm-up, {} connections opened, at most {} in flight",
                       tally.warmed_up, tally.connections, tally.peak_in_flight));
  if (options.stream) {
    line("events", fmt::format("{} ({} with content); {:.1f} per second", tally.events,
                               tally.content_events, per_second(tally.events, report.window)));
  }
  line("received", human_bytes(tally.bytes));
  for (const auto& cpu : report.cpu) {
    std::string text = fmt::format(
        "process {}: {} ({:.1f} % of a core)", cpu.pid, human(cpu.used),
        report.window.count() > 0 ? 100 * seconds(cpu.used) / seconds(report.window) : 0);
    if (tally.events > 0)
      text += fmt::format(", {:.2f} us per event", each(cpu.used, tally.events));
    if (tally.ok > 0) text += fmt::format(", {:.1f} us per request", each(cpu.used, tally.ok));
    line("cpu", text);
  }
  if (tally.total.count() + tally.first_token.count() > 0) {
    fmt::format_to(std::back_inserter(out), "\n{:<16}{:>10}{:>10}{:>10}{:>10}{:>10}{:>12}\n", "",
                   "p50", "p90", "p99", "p99.9", "max", "count");
  }
  append_latency(out, "first token", tally.first_token);
  append_latency(out, "between tokens", tally.gap);
  append_latency(out, "relay delay", tally.relay);
  append_latency(out, "whole answer", tally.total);
  if (options.rate > 0) {
    out += "\nTimes count from when a request was due, so a target that falls behind shows it.\n";
  } else {
    out +=
        "\nClosed loop: a slow answer delays the requests behind it, which are then never sent, so "
        "under\nsaturation these times are rosier than users would see. --rate measures those.\n";
  }
  if (report.interrupted) out += "Interrupted: this is what was measured until then.\n";
  return out;
}

std::string to_json(const Report& report) {
  const Options& options = report.options;
  const Tally& tally = report.tally;
  std::string out;
  json::Writer json(out);
  json.begin_object();
  json.member("target", report.target).member("model", options.model);
  json.member("stream", options.stream);
  json.member("loop", options.rate > 0 ? "open" : "closed");
  json.member("concurrency", options.concurrency).member("rate", options.rate);
  json.member("threads", options.threads);
  json.member("warmup_seconds", seconds(options.warmup));
  json.member("measured_seconds", seconds(report.window));
  json.member("interrupted", report.interrupted);

  json.key("requests").begin_object();
  json.member("started", tally.started).member("ok", tally.ok);
  json.member("failed", tally.all_failed()).member("aborted", tally.aborted);
  json.member("warmed_up", tally.warmed_up).member("unfinished", report.unfinished());
  json.member("per_second", per_second(tally.ok, report.window));
  json.key("failures").begin_object();
  for (size_t i = 0; i < kFailures; ++i) {
    json.member(to_string(static_cast<Failure>(i)), tally.failed[i]);
  }
  json.end_object().key("statuses").begin_object();
  for (const auto& [status, count] : tally.statuses) json.member(fmt::format("{}", status), count);
  json.end_object().end_object();

  json.member("connections", tally.connections).member("peak_in_flight", tally.peak_in_flight);
  json.member("events", tally.events).member("content_events", tally.content_events);
  json.member("events_per_second", per_second(tally.events, report.window));
  json.member("bytes", tally.bytes);
  write_latency(json, "first_token_us", tally.first_token);
  write_latency(json, "gap_us", tally.gap);
  write_latency(json, "relay_us", tally.relay);
  write_latency(json, "total_us", tally.total);

  json.key("cpu").begin_array();
  for (const auto& cpu : report.cpu) {
    json.begin_object().member("pid", cpu.pid).member("seconds", seconds(cpu.used));
    json.member("us_per_event", each(cpu.used, tally.events));
    json.member("us_per_request", each(cpu.used, tally.ok)).end_object();
  }
  json.end_array().key("resets_ns").begin_array();
  for (const int64_t at : tally.resets) json.number(at);
  json.end_array().end_object();
  out += '\n';
  return out;
}

}  // namespace sluice::load
