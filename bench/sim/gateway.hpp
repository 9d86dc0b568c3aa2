// A gateway under simulation: who gets a request, and what it learns of the workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "sim/engine.hpp"
#include "workers/heartbeat.hpp"

namespace sluice::sim {

inline constexpr std::string_view kModel = "m";

/// It knows a request's prompt, and of its output nothing.
class Gateway {
 public:
  virtual ~Gateway() = default;

  virtual void heartbeat(size_t worker, const workers::Heartbeat& heartbeat, TimePoint now) = 0;
  /// The worker that gets it; nullopt: it waits until one has room. `prompt`: tokens.
  virtual std::optional<size_t> place(size_t request, int64_t prompt,
                                      std::span<const uint64_t> prefix, TimePoint now,
                                      uint64_t random) = 0;
  virtual void first_token(size_t request, TimePoint now) = 0;
  virtual void finished(size_t request, int64_t output, TimePoint now) = 0;
};

struct Policy {
  std::string_view name;    // in --policy
  std::string_view title;   // for people
  bool production = false;  // it is the project's own fleet that picks
};
std::span<const Policy> policies();

struct GatewayOptions {
  std::string_view policy;  // a name of policies()
  int gateways = 1;         // that share the workers
  size_t requests = 0;
  std::span<const Gpu* const> gpus;  // of the workers
};
std::unique_ptr<Gateway> make_gateway(const GatewayOptions& options);

}  // namespace sluice::sim
