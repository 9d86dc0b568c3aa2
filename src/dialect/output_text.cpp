#include "dialect/output_text.hpp"

#include "dialect/anthropic/message.hpp"
#include "dialect/openai/message.hpp"

namespace sluice::dialect {

OutputTexts output_texts(Endpoint endpoint, std::string_view body) {
  OutputTexts texts;
  if (endpoint == Endpoint::kEmbeddings) return texts;
  json::Reader reader(body);
  if (dialect_of(endpoint) == Dialect::kAnthropic) {
    anthropic::read_answer(reader, texts);
  } else {
    openai::read_answer(reader, texts);
  }
  if (!reader.finish()) texts.clear();
  return texts;
}

}  // namespace sluice::dialect
