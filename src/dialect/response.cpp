#include "dialect/response.hpp"

#include "dialect/anthropic/response.hpp"
#include "dialect/openai/response.hpp"
#include "dialect/request.hpp"

namespace sluice::dialect {

ResponseFacts inspect_response(Endpoint endpoint, std::string_view body) {
  ResponseFacts facts;
  const json::Value whole(body);
  facts.valid = whole.kind() == json::Kind::kObject && json::valid(body);
  if (!facts.valid) return facts;
  const Dialect dialect = dialect_of(endpoint);
  if (dialect == Dialect::kAnthropic) {
    anthropic::read_response(whole, facts);
  } else {
    openai::read_response(endpoint, whole, facts);
  }
  if (facts.model.size() > kMaxModelBytes) facts.model.clear();
  if (facts.is_error) facts.failure = classify_reported_error(dialect, body);
  return facts;
}

}  // namespace sluice::dialect
