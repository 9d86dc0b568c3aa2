#include "dialect/openai/usage.hpp"

#include <algorithm>

namespace sluice::dialect::openai {
namespace {

int64_t count_or_none(json::Value value) { return count_of(value).value_or(0); }

}  // namespace

bool read_usage(json::Value object, Usage& usage) {
  int64_t prompt = -1;
  int64_t completion = -1;
  TokenCounts read;
  json::Members members(object);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "prompt_tokens") {
      if (const auto count = count_of(member.value)) prompt = *count;
    } else if (member.key == "completion_tokens") {
      if (const auto count = count_of(member.value)) completion = *count;
    } else if (member.key == "prompt_tokens_details") {
      read.cache_read = std::max(read.cache_read, count_or_none(member.value["cached_tokens"]));
      read.cache_write = std::max(count_or_none(member.value["cache_write_tokens"]),
                                  count_or_none(member.value["cache_creation_tokens"]));
    } else if (member.key == "completion_tokens_details") {
      read.reasoning = count_or_none(member.value["reasoning_tokens"]);
    } else if (member.key == "prompt_cache_hit_tokens" || member.key == "cached_tokens") {
      // DeepSeek's and Moonshot's names for the cached part.
      read.cache_read = std::max(read.cache_read, count_or_none(member.value));
    }
  }
  return take_totals(prompt, completion, read, usage);
}

}  // namespace sluice::dialect::openai
