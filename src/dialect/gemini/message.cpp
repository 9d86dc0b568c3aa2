#include "dialect/gemini/message.hpp"

#include "dialect/gemini/chunk.hpp"

namespace sluice::dialect::gemini {

void read_answer(json::Reader& reader, OutputTexts& texts) {
  Chunk chunk;
  if (read_chunk(reader.skip(), chunk)) add_texts(chunk, texts);
}

}  // namespace sluice::dialect::gemini
