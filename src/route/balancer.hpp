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
#include <utility>
#include <vector>

#include "config/config.hpp"
#include "route/conversations.hpp"
#include "route/provider_state.hpp"

namespace sluice::route {

/// A member of a group at the moment of a pick.
struct Standing {
  static constexpr size_t kByPosition = SIZE_MAX;

  int weight = 1;
  int64_t active = 0;     // requests that run there
  bool available = true;  // it may be asked, and was not tried by this request
  double share = 1;       // of its turns that it gets: ProviderState::share()
  /// Target::member: not every request has all members to choose from, and turns are a member's.
  size_t member = kByPosition;
};

/// The turns of one group. Shared by all loops and all snapshots; a short lock around each call.
class Balancer {
 public:
  /// Index in `members`; nullopt when none is available. kVram and kPredicted compare workers
  /// among themselves, which stand as one member here: the first available one is taken.
  /// `random`: any 64 bits.
  ///
  /// A conversation that goes on stays with its member as long as that one is available: the prompt
  /// is in its cache. New ones make up for what that does to the weights. Not with kVram and
  /// kPredicted, and with kLeastConnections only while the member is not much busier than others.
  std::optional<size_t> pick(config::Strategy strategy, std::span<const Standing> members,
                             uint64_t random, const Conversation* conversation = nullptr);
  /// What pick() would answer, without taking the turn.
  std::optional<size_t> peek(config::Strategy strategy, std::span<const Standing> members,
                             uint64_t random) const;

 private:
  struct Turns {
    int64_t current = 0;  // of the smooth weighted round robin
    uint64_t last = 0;    // when it was the least busy, in picks
  };
  Turns turns(const Standing& standing, size_t index) const;
  Turns& turns(const Standing& standing, size_t index);
  size_t in_turn(std::span<const Standing> members, bool weighted) const;
  size_t least_busy(std::span<const Standing> members) const;
  std::optional<size_t> kept(config::Strategy strategy, std::span<const Standing> members,
                             uint64_t random, uint64_t conversation) const;
  std::optional<size_t> choose(config::Strategy strategy, std::span<const Standing> members,
                               uint64_t random) const;

  mutable std::mutex mutex_;
  uint64_t picks_ = 0;
  std::vector<Turns> turns_;  // by member
  Conversations conversations_;
};

/// What must outlive a reload: one for the process. Thread-safe.
class TargetStates {
 public:
  /// The same for the same name, address and keys, as long as somebody holds it.
  std::shared_ptr<ProviderState> provider(const config::Provider& provider);
  /// The same for the same name and members, as long as somebody holds it.
  std::shared_ptr<Balancer> group(const config::Group& group);

  /// Those that somebody holds, with their names. A name comes twice after a reload that changed
  /// its address or keys, while requests of before it run.
  std::vector<std::pair<std::string, std::shared_ptr<ProviderState>>> providers() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::weak_ptr<ProviderState>, std::less<>> providers_;
  std::map<std::string, std::weak_ptr<Balancer>, std::less<>> groups_;
};

}  // namespace sluice::route
