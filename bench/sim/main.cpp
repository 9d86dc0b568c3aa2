// sluice_sim: what routing policies do to the time to the first token, on a modelled fleet.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>

#include "sim/gateway.hpp"
#include "sim/report.hpp"
#include "sim/run.hpp"

namespace {

using namespace sluice;

struct Given {
  std::string trace = "synthetic";
  std::string file;
  double rate = 1;
  std::string fleet = "h100=2,a100=3,l40s=3";
  std::vector<std::string> policies = {"all"};
  std::vector<int> gateways = {1};
  std::vector<double> intervals = {5};
  int seeds = 5;
  double target = 2;
  bool nameless = false;
  double misjudged = 0;
  double spread = 0;
  std::string slow;
  std::string json;
  std::string svg;
};

std::string known_policies() {
  std::string all;
  for (const sim::Policy& policy : sim::policies()) all += fmt::format(" {}", policy.name);
  return all;
}

int wrong(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 2;
}

Result<std::vector<sim::Arrival>> arrivals_of(const Given& given) {
  if (given.trace == "azure") return sim::read_azure(given.file);
  if (given.trace == "mooncake") return sim::read_mooncake(given.file);
  if (given.trace == "synthetic") return sim::synthetic(5);
  return fail(ErrorCode::kInvalidRequest, "--trace: azure, mooncake or synthetic");
}

/// h100=2,l40s=3
std::vector<const sim::Gpu*> gpus_of(std::string_view fleet) {
  std::vector<const sim::Gpu*> gpus;
  while (!fleet.empty()) {
    const std::string_view part = fleet.substr(0, fleet.find(','));
    fleet.remove_prefix(std::min(part.size() + 1, fleet.size()));
    const size_t equals = part.find('=');
    const sim::Gpu* gpu = sim::gpu_of(part.substr(0, equals));
    int count = 1;
    if (equals != std::string_view::npos) {
      std::from_chars(part.data() + equals + 1, part.data() + part.size(), count);
    }
    if (gpu == nullptr || count < 1 || count > 4096) return {};
    gpus.insert(gpus.end(), static_cast<size_t>(count), gpu);
  }
  return gpus;
}

/// 2 H100, 3 L40S
std::string described(const std::vector<const sim::Gpu*>& gpus) {
  std::string text;
  for (size_t i = 0; i < gpus.size();) {
    size_t count = 0;
    const std::string_view kind = gpus[i]->kind;
    for (; i < gpus.size() && gpus[i]->kind == kind; ++i) ++count;
    text += fmt::format("{}{} ", text.empty() ? "" : ", ", count);
    for (const char c : kind) text += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return text;
}

std::optional<sim::Slowdown> slowdown_of(const std::string& text) {
  sim::Slowdown slowdown;
  if (std::sscanf(text.c_str(), "%zu:%lf:%lf", &slowdown.worker, &slowdown.at, &slowdown.times) !=
      3) {
    return std::nullopt;
  }
  return slowdown;
}

bool write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return static_cast<bool>(file);
}

int simulate(const Given& given) {
  auto arrivals = arrivals_of(given);
  if (!arrivals) return wrong(arrivals.error().message);
  sim::spread(*arrivals, given.spread);
  const auto gpus = gpus_of(given.fleet);
  if (gpus.empty()) return wrong("--fleet: such as h100=2,a100=3,l40s=3");
  const auto slowdown = slowdown_of(given.slow);
  if (!given.slow.empty() && (!slowdown || slowdown->worker >= gpus.size())) {
    return wrong("--slow: WORKER:SECOND:TIMES, such as 0:600:3");
  }
  const auto asked = [&](std::string_view name) {
    return std::ranges::any_of(given.policies,
                               [&](const auto& one) { return one == "all" || one == name; });
  };
  const sim::Heading heading{.trace = given.trace,
                             .rate = given.rate,
                             .fleet = described(gpus),
                             .target = given.target,
                             .seeds = given.seeds};
  std::vector<sim::Row> rows;
  std::string slow;
  for (const double interval : given.intervals) {
    for (const int gateways : given.gateways) {
      for (const sim::Policy& policy : sim::policies()) {
        if (!asked(policy.name)) continue;
        std::vector<sim::Outcome> outcomes;
        for (int seed = 1; seed <= given.seeds; ++seed) {
          outcomes.push_back(sim::run({.arrivals = *arrivals,
                                       .rate = given.rate,
                                       .gpus = gpus,
                                       .policy = policy.name,
                                       .gateways = gateways,
                                       .interval = interval,
                                       .nameless = given.nameless,
                                       .misjudged = given.misjudged,
                                       .seed = static_cast<uint64_t>(seed),
                                       .slowdown = slowdown}));
        }
        sim::Row& row = rows.emplace_back(sim::row_of(outcomes, given.target));
        row.policy = policy.title;
        row.production = policy.production;
        row.gateways = gateways;
        row.interval = interval;
        if (slowdown)
          slow += fmt::format("\n{}: {}", policy.title, slowdown_table(*slowdown, outcomes));
      }
    }
  }
  if (rows.empty()) return wrong("--policy: all, or some of" + known_policies());
  std::fputs((sim::table(heading, rows) + slow).c_str(), stdout);
  if (!given.json.empty() && !write(given.json, sim::to_json(heading, rows))) {
    return wrong(given.json + ": cannot be written");
  }
  if (!given.svg.empty() && !write(given.svg, sim::svg(heading, rows))) {
    return wrong(given.svg + ": cannot be written");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Given given;
  CLI::App app("Simulates how requests are spread over GPU workers (docs/routing-simulation.md).");
  app.add_option("--trace", given.trace, "azure, mooncake or synthetic")->capture_default_str();
  app.add_option("--file", given.file, "the trace's file");
  app.add_option("--rate", given.rate, "requests in the same time, in relation to the trace")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--fleet", given.fleet, "workers by kind")->capture_default_str();
  app.add_option("--policy", given.policies, "all, or some of" + known_policies())->delimiter(',');
  app.add_option("--gateways", given.gateways, "gateways that share the workers")
      ->delimiter(',')
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--interval", given.intervals, "seconds between heartbeats")
      ->delimiter(',')
      ->check(CLI::Range(0.01, 60.0))
      ->capture_default_str();
  app.add_option("--seeds", given.seeds, "runs of each, with other random numbers")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app.add_option("--target", given.target, "seconds within which a first token is wanted")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--nameless", given.nameless, "workers do not tell which GPU they have");
  app.add_option("--misjudged", given.misjudged,
                 "share of a prompt's length by which gateways are wrong about it at most")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  app.add_option("--spread", given.spread,
                 "seconds by which arrivals of the trace are moved at most, if it knows no better")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  app.add_option("--slow", given.slow, "WORKER:SECOND:TIMES: it takes so many times as long then");
  app.add_option("--json", given.json, "write the table to this file, too");
  app.add_option("--svg", given.svg, "write a chart to this file");
  CLI11_PARSE(app, argc, argv);
  return simulate(given);
}
