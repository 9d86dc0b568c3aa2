// Policies that the project's own are measured against.
#pragma once

#include <memory>

#include "sim/gateway.hpp"

namespace sluice::sim {

enum class Plain : uint8_t {
  kRoundRobin,
  kLeastConnections,          // of its own requests
  kWeightedLeastConnections,  // in relation to the prefill speed
  kSeedOnHeartbeat,           // the seed's formula on what the last heartbeat says
  kSeedTwoChoices,            // the same, the better of two at random
};

std::unique_ptr<Gateway> make_plain(Plain plain, const GatewayOptions& options);

}  // namespace sluice::sim
