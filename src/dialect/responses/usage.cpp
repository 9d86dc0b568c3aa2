#include "dialect/responses/usage.hpp"

namespace sluice::dialect::responses {

bool read_usage(json::Value object, Usage& usage) {
  int64_t input = -1;
  int64_t output = -1;
  TokenCounts read;
  json::Members members(object);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "input_tokens") {
      input = count_of(member.value).value_or(-1);
    } else if (member.key == "output_tokens") {
      output = count_of(member.value).value_or(-1);
    } else if (member.key == "input_tokens_details") {
      read.cache_read = count_of(member.value["cached_tokens"]).value_or(0);
      read.cache_write = count_of(member.value["cache_write_tokens"]).value_or(0);
    } else if (member.key == "output_tokens_details") {
      read.reasoning = count_of(member.value["reasoning_tokens"]).value_or(0);
    }
  }
  return take_totals(input, output, read, usage);
}

}  // namespace sluice::dialect::responses
