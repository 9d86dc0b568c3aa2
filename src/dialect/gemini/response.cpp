#include "dialect/gemini/response.hpp"

#include "dialect/event_facts.hpp"
#include "dialect/gemini/chunk.hpp"
#include "dialect/gemini/usage.hpp"

namespace sluice::dialect::gemini {

void read_response(json::Value body, ResponseFacts& facts) {
  Chunk chunk;
  if (!read_chunk(body.raw(), chunk)) return;
  facts.is_error = tells_error(chunk.error) || is_failure(chunk);
  facts.usage.reported = read_usage(chunk.usage, facts.usage) && facts.usage.input_known;
  facts.finish_reason = finish_of(chunk);
  facts.model = chunk.model.str();
}

}  // namespace sluice::dialect::gemini
