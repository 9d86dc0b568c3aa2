#include "route/balancer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sluice::route {
namespace {

/// Of a weight of 1, so that a share of it is a whole number too.
constexpr double kUnit = 1000;

int64_t pull(const Standing& member, bool weighted) {
  const double weight = weighted ? std::max(member.weight, 1) : 1;
  return std::max<int64_t>(std::llround(kUnit * weight * member.share), 1);
}

size_t at_random(std::span<const Standing> members, uint64_t random) {
  uint64_t total = 0;
  for (const Standing& member : members) {
    if (member.available) total += static_cast<uint64_t>(pull(member, true));
  }
  uint64_t left = random % total;
  size_t index = 0;
  for (;; ++index) {
    if (!members[index].available) continue;
    const auto own = static_cast<uint64_t>(pull(members[index], true));
    if (left < own) return index;
    left -= own;
  }
}

size_t member_of(std::span<const Standing> members, size_t index) {
  const size_t member = members[index].member;
  return member == Standing::kByPosition ? index : member;
}

template <typename T, typename Make>
std::shared_ptr<T> same_or_new(std::map<std::string, std::weak_ptr<T>, std::less<>>& known,
                               const std::string& key, Make make) {
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<T>& held = known[key];
  std::shared_ptr<T> out = held.lock();
  if (!out) held = out = make();
  return out;
}

}  // namespace

std::optional<size_t> Balancer::pick(config::Strategy strategy, std::span<const Standing> members,
                                     uint64_t random) {
  const auto first = std::ranges::find(members, true, &Standing::available);
  if (first == members.end()) return std::nullopt;
  switch (strategy) {
    case config::Strategy::kVram:
    case config::Strategy::kPredicted:
      return static_cast<size_t>(first - members.begin());
    case config::Strategy::kRandom:
      return at_random(members, random);
    case config::Strategy::kLeastConnections:
      return least_busy(members);
    case config::Strategy::kWeightedRoundRobin:
      return in_turn(members, true);
    case config::Strategy::kRoundRobin:
      break;
  }
  return in_turn(members, false);
}

/// Everybody gains his weight, who has most is taken and gives up what all have gained. So turns
/// of one member lie apart as far as they can, and one who was away neither loses nor saves up.
size_t Balancer::in_turn(std::span<const Standing> members, bool weighted) {
  const std::lock_guard lock(mutex_);
  int64_t gained = 0;
  size_t best = members.size();
  size_t best_member = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    if (!members[i].available) continue;
    const size_t member = member_of(members, i);
    if (member >= current_.size()) current_.resize(member + 1);
    const int64_t gain = pull(members[i], weighted);
    current_[member] += gain;
    gained += gain;
    if (best == members.size() || current_[member] > current_[best_member]) {
      best = i;
      best_member = member;
    }
  }
  current_[best_member] -= gained;
  return best;
}

/// The least load after this request; of equals each in turn.
size_t Balancer::least_busy(std::span<const Standing> members) {
  const std::lock_guard lock(mutex_);
  const size_t first = next_++;
  size_t best = members.size();
  double least = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    const size_t index = (first + i) % members.size();
    const Standing& member = members[index];
    if (!member.available) continue;
    const double load = static_cast<double>(member.active + 1) /
                        (std::max(member.weight, 1) * std::max(member.share, 1 / kUnit));
    if (best == members.size() || load < least) {
      best = index;
      least = load;
    }
  }
  return best;
}

std::shared_ptr<ProviderState> TargetStates::provider(const config::Provider& provider) {
  std::string key = fmt::format("{}\n{}\n", provider.name, provider.base_url);
  // Not the keys themselves: secrets stay where they are.
  for (const Secret& secret : provider.api_keys) {
    fmt::format_to(std::back_inserter(key), "{:x} ",
                   std::hash<std::string_view>()(secret.expose()));
  }
  const std::lock_guard lock(mutex_);
  return same_or_new(providers_, key,
                     [&] { return std::make_shared<ProviderState>(provider.api_keys.size()); });
}

std::shared_ptr<Balancer> TargetStates::group(const config::Group& group) {
  std::string key = group.name;
  for (const config::Member& member : group.members) {
    fmt::format_to(std::back_inserter(key), "\n{}\n{}", member.target.name, member.target.model);
  }
  const std::lock_guard lock(mutex_);
  return same_or_new(groups_, key, [] { return std::make_shared<Balancer>(); });
}

}  // namespace sluice::route
