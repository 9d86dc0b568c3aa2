#include "dialect/gemini/usage.hpp"

#include <algorithm>

namespace sluice::dialect::gemini {

bool read_usage(json::Value object, Usage& usage) {
  std::optional<int64_t> prompt;
  std::optional<int64_t> candidates;
  std::optional<int64_t> total;
  int64_t tools = 0;
  int64_t cached = 0;
  int64_t thoughts = 0;
  json::Members members(object);
  json::Member member;
  while (members.next(member)) {
    const auto count = count_of(member.value);
    if (!count) continue;
    if (member.key == "promptTokenCount") prompt = count;
    if (member.key == "candidatesTokenCount") candidates = count;
    if (member.key == "totalTokenCount") total = count;
    if (member.key == "toolUsePromptTokenCount") tools = *count;
    if (member.key == "cachedContentTokenCount") cached = *count;
    if (member.key == "thoughtsTokenCount") thoughts = *count;
  }
  const int64_t input = prompt.value_or(0) + tools;
  // A number that is 0 is left out, so only the sum may tell that there is no output.
  if (!candidates && total && *total >= input + thoughts) candidates = *total - input - thoughts;
  TokenCounts& counts = usage.counts;
  if (input > 0) {
    counts.cache_read = std::min(cached, input);
    counts.input = input - counts.cache_read;
  }
  if (candidates || thoughts > 0) {
    counts.output = candidates.value_or(0) + thoughts;
    counts.reasoning = thoughts;
  }
  usage.input_known = counts.total_input() > 0;
  return candidates.has_value();
}

}  // namespace sluice::dialect::gemini
