#include "dialect/responses/response.hpp"

#include "dialect/event_facts.hpp"
#include "dialect/responses/message.hpp"
#include "dialect/responses/usage.hpp"

namespace sluice::dialect::responses {

FinishReason finish_of(json::Value response) {
  const std::string status = response["status"].as_string().value_or("");
  if (status == "incomplete") {
    const json::Value reason = response["incomplete_details"]["reason"];
    return reason.as_string() == "content_filter" ? FinishReason::kContentFilter
                                                  : FinishReason::kLength;
  }
  if (status != "completed") return FinishReason::kNone;
  json::Elements items(response["output"]);
  for (json::Value item; items.next(item);) {
    if (is_call(item)) return FinishReason::kToolCalls;
  }
  return FinishReason::kStop;
}

void read_response(json::Value body, ResponseFacts& facts) {
  json::Members members(body);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "usage") {
      facts.usage.reported = read_usage(member.value, facts.usage) && facts.usage.input_known;
    } else if (member.key == "model") {
      facts.model = member.value.as_string().value_or("");
    } else if (member.key == "error") {
      facts.is_error |= tells_error(member.value);
    } else if (member.key == "status") {
      facts.is_error |= member.value.as_string() == "failed";
    }
  }
  facts.finish_reason = finish_of(body);
}

}  // namespace sluice::dialect::responses
