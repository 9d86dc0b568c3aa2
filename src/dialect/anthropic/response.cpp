#include "dialect/anthropic/response.hpp"

#include "dialect/anthropic/usage.hpp"
#include "dialect/event_facts.hpp"

namespace sluice::dialect::anthropic {

void read_response(json::Value body, ResponseFacts& facts) {
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "usage") {
      facts.usage.reported = read_usage(member.value, facts.usage) && facts.usage.input_known;
    } else if (member.key == "model") {
      facts.model = member.value.as_string().value_or("");
    } else if (member.key == "stop_reason") {
      facts.finish_reason = parse_finish_reason(member.value.as_string().value_or(""));
    } else if (member.key == "error") {
      facts.is_error |= tells_error(member.value);
    }
  }
}

}  // namespace sluice::dialect::anthropic
