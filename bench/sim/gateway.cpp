#include "sim/gateway.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "sim/plain.hpp"
#include "workers/fleet.hpp"

namespace sluice::sim {
namespace {

/// The project's own: what the gateway does with a request for workers, without the network.
class FleetGateway final : public Gateway {
 public:
  FleetGateway(config::Strategy strategy, const GatewayOptions& options)
      : strategy_(strategy), fleet_({.gateways = options.gateways}), slots_(options.requests) {}

  void heartbeat(size_t, const workers::Heartbeat& heartbeat, TimePoint now) override {
    // What the gateway and its worker say to each other takes the way that it really takes.
    auto parsed = workers::parse_heartbeat(workers::to_json(heartbeat));
    if (!parsed) return;
    fleet_.heartbeat(std::move(*parsed), now, seconds(now.time_since_epoch()));
    fleet_.sweep(now);
  }

  std::optional<size_t> place(size_t request, int64_t prompt, std::span<const uint64_t> prefix,
                              TimePoint now, uint64_t random) override {
    const workers::Demand demand{.model = kModel,
                                 .prompt_tokens = prompt,
                                 .prefix = prefix,
                                 .tried = {},
                                 .strategy = strategy_};
    auto slot = fleet_.pick(demand, now, random);
    if (!slot) return std::nullopt;
    size_t worker = 0;
    const std::string_view id = slot->worker();
    std::from_chars(id.data() + 1, id.data() + id.size(), worker);
    slots_[request] = std::move(*slot);
    return worker;
  }

  void first_token(size_t request, TimePoint now) override { slots_[request].first_token(now); }
  void finished(size_t request, int64_t output, TimePoint now) override {
    slots_[request].generated(output);
    slots_[request].succeeded(now);
  }

 private:
  config::Strategy strategy_;
  workers::Fleet fleet_;
  std::vector<workers::Slot> slots_;
};

constexpr std::array kPolicies = std::to_array<Policy>({
    {.name = "round-robin", .title = "round robin"},
    {.name = "least", .title = "least connections"},
    {.name = "weighted-least", .title = "speed-weighted least connections"},
    {.name = "seed-heartbeat", .title = "seed formula on heartbeat data alone"},
    {.name = "seed-two", .title = "seed formula, power of two choices"},
    {.name = "seed", .title = "seed formula on effective values", .production = true},
    {.name = "least-effective", .title = "least connections of the fleet", .production = true},
    {.name = "predicted", .title = "predicted TTFT", .production = true},
});

}  // namespace

std::span<const Policy> policies() { return kPolicies; }

std::unique_ptr<Gateway> make_gateway(const GatewayOptions& options) {
  using config::Strategy;
  const std::string_view name = options.policy;
  if (name == "seed") return std::make_unique<FleetGateway>(Strategy::kVram, options);
  if (name == "least-effective") {
    return std::make_unique<FleetGateway>(Strategy::kLeastConnections, options);
  }
  if (name == "predicted") return std::make_unique<FleetGateway>(Strategy::kPredicted, options);
  Plain plain = Plain::kRoundRobin;
  if (name == "least") plain = Plain::kLeastConnections;
  if (name == "weighted-least") plain = Plain::kWeightedLeastConnections;
  if (name == "seed-heartbeat") plain = Plain::kSeedOnHeartbeat;
  if (name == "seed-two") plain = Plain::kSeedTwoChoices;
  return make_plain(plain, options);
}

}  // namespace sluice::sim
