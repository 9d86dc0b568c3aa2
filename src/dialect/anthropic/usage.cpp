#include "dialect/anthropic/usage.hpp"

namespace sluice::dialect::anthropic {

bool read_usage(json::Value object, Usage& usage) {
  const auto take = [](json::Value value, int64_t& count) {
    const auto read = count_of(value);
    if (read) count = *read;
    return read.has_value();
  };
  TokenCounts& counts = usage.counts;
  bool output = false;
  json::Members members(object);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "input_tokens") {
      take(member.value, counts.input);
    } else if (member.key == "output_tokens") {
      output = take(member.value, counts.output);
    } else if (member.key == "cache_read_input_tokens") {
      take(member.value, counts.cache_read);
    } else if (member.key == "cache_creation_input_tokens") {
      take(member.value, counts.cache_write);
    } else if (member.key == "output_tokens_details") {
      take(member.value["thinking_tokens"], counts.reasoning);
    }
  }
  usage.input_known = counts.total_input() > 0;
  return output;
}

}  // namespace sluice::dialect::anthropic
