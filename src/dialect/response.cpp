#include "dialect/response.hpp"

#include "dialect/anthropic/response.hpp"
#include "dialect/gemini/response.hpp"
#include "dialect/openai/response.hpp"
#include "dialect/request.hpp"
#include "dialect/responses/response.hpp"

namespace sluice::dialect {

ResponseFacts inspect_response(Endpoint endpoint, std::string_view body) {
  ResponseFacts facts;
  const json::Value whole(body);
  facts.valid = whole.kind() == json::Kind::kObject && json::valid(body);
  if (!facts.valid) return facts;
  const Dialect dialect = dialect_of(endpoint);
  switch (dialect) {
    case Dialect::kOpenAi:
      openai::read_response(endpoint, whole, facts);
      break;
    case Dialect::kAnthropic:
      anthropic::read_response(whole, facts);
      break;
    case Dialect::kResponses:
      responses::read_response(whole, facts);
      break;
    case Dialect::kGemini:
      gemini::read_response(whole, facts);
      break;
  }
  if (facts.model.size() > kMaxModelBytes) facts.model.clear();
  if (facts.is_error) facts.failure = classify_reported_error(dialect, body);
  return facts;
}

}  // namespace sluice::dialect
