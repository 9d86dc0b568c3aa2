#include "route/balancer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sluice::route {
namespace {

/// Of a weight of 1, so that a share of it is a whole number too.
constexpr double kUnit = 1000;

/// Rounds that a member may be ahead of its turns, or behind.
constexpr int64_t kMostAhead = 8;
/// How much busier than the least busy one a member may be to keep its conversations.
constexpr double kTolerance = 2;

double load_of(const Standing& member) {
  return static_cast<double>(member.active + 1) /
         (std::max(member.weight, 1) * std::max(member.share, 1 / kUnit));
}

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

size_t member_of(const Standing& standing, size_t index) {
  return standing.member == Standing::kByPosition ? index : standing.member;
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

Balancer::Turns Balancer::turns(const Standing& standing, size_t index) const {
  const size_t member = member_of(standing, index);
  return member < turns_.size() ? turns_[member] : Turns();
}

Balancer::Turns& Balancer::turns(const Standing& standing, size_t index) {
  const size_t member = member_of(standing, index);
  if (member >= turns_.size()) turns_.resize(member + 1);
  return turns_[member];
}

std::optional<size_t> Balancer::choose(config::Strategy strategy, std::span<const Standing> members,
                                       uint64_t random) const {
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
    case config::Strategy::kRoundRobin:
      break;
  }
  return in_turn(members, strategy == config::Strategy::kWeightedRoundRobin);
}

std::optional<size_t> Balancer::peek(config::Strategy strategy, std::span<const Standing> members,
                                     uint64_t random) const {
  const std::lock_guard lock(mutex_);
  return choose(strategy, members, random);
}

std::optional<size_t> Balancer::pick(config::Strategy strategy, std::span<const Standing> members,
                                     uint64_t random, const Conversation* conversation) {
  const std::lock_guard lock(mutex_);
  const bool in_order =
      strategy == config::Strategy::kVram || strategy == config::Strategy::kPredicted;
  if (in_order) conversation = nullptr;
  std::optional<size_t> best;
  if (conversation != nullptr && conversation->goes_on) {
    best = kept(strategy, members, random, conversation->id);
  }
  if (!best) best = choose(strategy, members, random);
  if (!best) return best;
  if (conversation != nullptr) {
    conversations_.note(conversation->id, member_of(members[*best], *best));
  }
  if (strategy == config::Strategy::kLeastConnections) {
    turns(members[*best], *best).last = ++picks_;
  } else if (strategy == config::Strategy::kRoundRobin ||
             strategy == config::Strategy::kWeightedRoundRobin) {
    const bool weighted = strategy == config::Strategy::kWeightedRoundRobin;
    int64_t gained = 0;
    for (const Standing& member : members) gained += member.available ? pull(member, weighted) : 0;
    for (size_t i = 0; i < members.size(); ++i) {
      if (!members[i].available) continue;
      int64_t& current = turns(members[i], i).current;
      current += pull(members[i], weighted) - (i == *best ? gained : 0);
      // Turns that conversations have taken are made up for, but not without end.
      current = std::clamp(current, -kMostAhead * gained, kMostAhead * gained);
    }
  }
  return best;
}

/// Everybody gains his weight, who has most is taken and gives up what all have gained. So turns
/// of one member lie apart as far as they can, and one who was away neither loses nor saves up.
size_t Balancer::in_turn(std::span<const Standing> members, bool weighted) const {
  int64_t most = 0;
  size_t best = members.size();
  for (size_t i = 0; i < members.size(); ++i) {
    if (!members[i].available) continue;
    const int64_t current = turns(members[i], i).current + pull(members[i], weighted);
    if (best < members.size() && current <= most) continue;
    best = i;
    most = current;
  }
  return best;
}

/// Who has the conversation, if it is to stay there.
std::optional<size_t> Balancer::kept(config::Strategy strategy, std::span<const Standing> members,
                                     uint64_t random, uint64_t conversation) const {
  const auto member = conversations_.member(conversation);
  if (!member) return std::nullopt;
  for (size_t i = 0; i < members.size(); ++i) {
    const Standing& held = members[i];
    if (member_of(held, i) != *member || !held.available) continue;
    // Who has just come back gets them back one by one.
    if (static_cast<double>(random >> 11) * 0x1p-53 >= held.share) return std::nullopt;
    if (strategy == config::Strategy::kLeastConnections &&
        load_of(held) > kTolerance * load_of(members[least_busy(members)])) {
      return std::nullopt;
    }
    return i;
  }
  return std::nullopt;
}

/// The least load after this request; of equals whoever was asked longest ago.
size_t Balancer::least_busy(std::span<const Standing> members) const {
  size_t best = members.size();
  double least = 0;
  uint64_t least_last = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    const Standing& member = members[i];
    if (!member.available) continue;
    const double load = load_of(member);
    const uint64_t last = turns(member, i).last;
    const bool better = load < least || (load == least && last < least_last);
    if (best < members.size() && !better) continue;
    best = i;
    least = load;
    least_last = last;
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

std::vector<std::pair<std::string, std::shared_ptr<ProviderState>>> TargetStates::providers()
    const {
  std::vector<std::pair<std::string, std::shared_ptr<ProviderState>>> all;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, state] : providers_) {
    if (auto held = state.lock()) all.emplace_back(key.substr(0, key.find('\n')), std::move(held));
  }
  return all;
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
