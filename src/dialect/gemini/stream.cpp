#include "dialect/gemini/stream.hpp"

#include "dialect/gemini/chunk.hpp"

namespace sluice::dialect::gemini {

bool read_event(std::string_view data, EventFacts& facts) {
  Chunk chunk;
  if (!read_chunk(data, chunk)) return false;
  facts.error = tells_error(chunk.error) || is_failure(chunk);
  facts.usage = chunk.usage;
  facts.model = chunk.model;
  facts.finish_reason = finish_of(chunk);
  facts.has_content = add_texts(chunk, facts.texts);
  if (facts.parts != nullptr) {
    facts.parts->event = json::Value(data);
    facts.parts->id = chunk.id;
    facts.parts->finish_reason = facts.finish_reason;
  }
  return true;
}

}  // namespace sluice::dialect::gemini
