#include "admin/throttle.hpp"

#include <algorithm>

namespace sluice::admin {

std::optional<Duration> Throttle::enter(std::string_view name, TimePoint now) {
  const std::lock_guard lock(mutex_);
  std::string key(name);
  auto found = failures_.find(key);
  if (found != failures_.end() && now - found->second.last >= kMemory) found->second = {};
  if (found == failures_.end()) {
    if (failures_.size() >= kMost) make_room(now);
    found = failures_.emplace(std::move(key), Failures{}).first;
  }
  Failures& failures = found->second;
  if (now < failures.free_at) return failures.free_at - now;
  ++failures.count;
  failures.last = now;
  if (const int beyond = failures.count - free_; beyond >= 0) {
    failures.free_at =
        now + std::min<Duration>(kFirst * (int64_t{1} << std::min(beyond, 20)), kLongest);
  }
  return std::nullopt;
}

void Throttle::forgive(std::string_view name) {
  const std::lock_guard lock(mutex_);
  failures_.erase(std::string(name));
}

void Throttle::make_room(TimePoint now) {
  std::erase_if(failures_, [&](const auto& each) { return now - each.second.last >= kMemory; });
  if (failures_.size() < kMost) return;
  const auto oldest =
      std::ranges::min_element(failures_, {}, [](const auto& each) { return each.second.last; });
  failures_.erase(oldest);
}

}  // namespace sluice::admin
