#include "relay/output_counter.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace sluice::relay {

int64_t OutputCounter::add(std::span<const dialect::OutputText> texts) {
  // What an escaped string means, while it is counted.
  thread_local std::string decoded;
  for (const dialect::OutputText& each : texts) {
    if (each.lane() != current_.lane) switch_to(each.lane());
    if (each.text.escaped) {
      decoded.clear();
      each.text.append_to(decoded);
      current_.counter.add(decoded);
    } else {
      current_.counter.add(each.text.bytes);
    }
  }
  return total();
}

void OutputCounter::switch_to(uint64_t lane) {
  if (current_.counter.total() == 0) {
    current_.lane = lane;
    return;
  }
  if (!others_) others_ = std::make_unique<std::vector<Lane>>();
  const auto known = std::ranges::find(*others_, lane, &Lane::lane);
  if (known != others_->end()) {
    others_total_ += current_.counter.total() - known->counter.total();
    std::swap(current_, *known);
    return;
  }
  if (others_->size() == kMaxOthers) {
    const int64_t oldest = others_->front().counter.total();
    finished_ += oldest;
    others_total_ -= oldest;
    others_->erase(others_->begin());
  }
  others_total_ += current_.counter.total();
  Lane next(*current_.encoding);
  next.lane = lane;
  others_->push_back(std::exchange(current_, std::move(next)));
}

}  // namespace sluice::relay
