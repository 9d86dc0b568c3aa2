// Workers as the relay calls them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "relay/snapshot.hpp"

namespace sluice::relay {

/// One for each loop; loop thread only. Bounded.
class WorkerUpstreams {
 public:
  static constexpr size_t kMost = 4096;

  /// The upstream at `endpoint`, with what the configuration says of workers.
  Result<std::shared_ptr<const Upstream>> get(std::string_view endpoint,
                                              const config::ConfigPtr& config);

 private:
  config::ConfigPtr config_;  // of all that are kept
  std::unordered_map<std::string, std::shared_ptr<const Upstream>> kept_;
};

}  // namespace sluice::relay
