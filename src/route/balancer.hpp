// Whose turn it is among targets that stand in for each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "route/provider_state.hpp"

namespace sluice::route {

/// A member of a group at the moment of a pick.
struct Standing {
  int weight = 1;
  int64_t active = 0;     // requests that run there
  bool available = true;  // it may be asked, and was not tried by this request
};

/// The turns of one group. Shared by all loops and all snapshots; a short lock around each call.
class Balancer {
 public:
  /// Index of the member; nullopt when none is available. kVram and kPredicted compare workers
  /// among themselves, which stand as one member here: the first available one is taken.
  /// `random`: any 64 bits.
  std::optional<size_t> pick(config::Strategy strategy, std::span<const Standing> members,
                             uint64_t random);

 private:
  std::mutex mutex_;
  size_t next_ = 0;
  std::vector<int64_t> current_;  // of the smooth weighted round robin
};

/// What must outlive a reload: one for the process. Thread-safe.
class TargetStates {
 public:
  /// The same for the same name, address and keys.
  std::shared_ptr<ProviderState> provider(const config::Provider& provider);
  /// The same for the same name and number of members.
  std::shared_ptr<Balancer> group(const config::Group& group);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ProviderState>, std::less<>> providers_;
  std::map<std::string, std::shared_ptr<Balancer>, std::less<>> groups_;
};

}  // namespace sluice::route
