#include "dialect/anthropic/usage.hpp"

#include <algorithm>

namespace sluice::dialect::anthropic {

void read_usage(json::Value object, Usage& usage) {
  const auto take = [](json::Value value, int64_t& count) {
    // Bounded so that sums of counts cannot overflow.
    if (const auto read = value.as_int()) count = std::clamp<int64_t>(*read, 0, int64_t{1} << 40);
  };
  json::Members members(object);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "input_tokens") {
      take(member.value, usage.input);
    } else if (member.key == "output_tokens") {
      take(member.value, usage.output);
    } else if (member.key == "cache_read_input_tokens") {
      take(member.value, usage.cache_read);
    } else if (member.key == "cache_creation_input_tokens") {
      take(member.value, usage.cache_write);
    } else if (member.key == "output_tokens_details") {
      take(member.value["thinking_tokens"], usage.reasoning);
    }
  }
}

}  // namespace sluice::dialect::anthropic
