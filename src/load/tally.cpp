#include "load/tally.hpp"

#include <algorithm>
#include <numeric>

namespace sluice::load {

std::string_view to_string(Failure failure) {
  switch (failure) {
    case Failure::kConnect:
      return "connect";
    case Failure::kTimeout:
      return "timeout";
    case Failure::kLost:
      return "connection_lost";
    case Failure::kStatus:
      return "http_status";
    case Failure::kErrorEvent:
      return "error_event";
    case Failure::kTruncated:
      return "truncated";
    case Failure::kMalformed:
      return "malformed";
  }
  return "unknown";
}

uint64_t Tally::all_failed() const {
  return std::accumulate(failed.begin(), failed.end(), uint64_t{0});
}

void Tally::add(const Tally& other) {
  started += other.started;
  ok += other.ok;
  aborted += other.aborted;
  warmed_up += other.warmed_up;
  for (size_t i = 0; i < kFailures; ++i) failed[i] += other.failed[i];
  for (const auto& [status, count] : other.statuses) statuses[status] += count;
  connections += other.connections;
  peak_in_flight += other.peak_in_flight;
  events += other.events;
  content_events += other.content_events;
  bytes += other.bytes;
  first_token.add(other.first_token);
  gap.add(other.gap);
  relay.add(other.relay);
  total.add(other.total);
  const size_t room = kMaxResets - std::min(kMaxResets, resets.size());
  const auto count = static_cast<ptrdiff_t>(std::min(room, other.resets.size()));
  resets.insert(resets.end(), other.resets.begin(), other.resets.begin() + count);
}

}  // namespace sluice::load
