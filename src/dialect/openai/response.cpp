#include "dialect/openai/response.hpp"

#include "dialect/event_facts.hpp"
#include "dialect/openai/usage.hpp"

namespace sluice::dialect::openai {

void read_response(Endpoint endpoint, json::Value body, ResponseFacts& facts) {
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "usage") {
      const bool output =
          read_usage(member.value, facts.usage) || endpoint == Endpoint::kEmbeddings;
      facts.usage.reported = output && facts.usage.input_known;
    } else if (member.key == "model") {
      facts.model = member.value.as_string().value_or("");
    } else if (member.key == "error") {
      facts.is_error |= tells_error(member.value);
    } else if (member.key == "object") {
      facts.is_error |= member.value.as_string() == "error";  // vLLM's shape
    } else if (member.key == "choices") {
      json::Value first;
      json::Elements(member.value).next(first);
      facts.finish_reason = parse_finish_reason(first["finish_reason"].as_string().value_or(""));
    }
  }
}

}  // namespace sluice::dialect::openai
