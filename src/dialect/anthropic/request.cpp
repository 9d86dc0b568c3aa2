#include "dialect/anthropic/request.hpp"

namespace sluice::dialect::anthropic {
namespace {

/// Only what has to stay below the limit; all else about thinking is the upstream's to judge.
Status read_thinking(const RequestFields& fields, InferenceRequest& request) {
  const json::Value thinking = fields.value(Field::kThinking);
  if (thinking.kind() != json::Kind::kObject) return {};
  InferenceRequest::Limit& budget = request.thinking_budget;
  json::Members members(thinking);
  json::Member member;
  while (members.next(member)) {
    if (!(member.key == "budget_tokens")) continue;
    if (budget.at.length != 0) return bad_field("thinking.budget_tokens", "is given twice.");
    budget.at = {fields.at(Field::kThinking).offset + member.value_offset,
                 member.value.raw().size()};
    budget.given = member.value.as_int();
  }
  return {};
}

}  // namespace

Status read_request(const RequestFields& fields, InferenceRequest& request) {
  if (Status messages = fields.require_elements(Field::kMessages); !messages) return messages;

  const Result<bool> stream = fields.boolean(Field::kStream, false);
  if (!stream) return std::unexpected(stream.error());
  request.stream = *stream;

  // 0 is a request too: it warms the prompt cache and generates nothing.
  const Result<InferenceRequest::Limit> limit = fields.limit(Field::kMaxTokens, 0);
  if (!limit) return std::unexpected(limit.error());
  if (!limit->given) return bad_field("max_tokens", "is required.");
  request.max_tokens_limit = *limit;
  request.max_tokens = limit->given;
  return read_thinking(fields, request);
}

}  // namespace sluice::dialect::anthropic
