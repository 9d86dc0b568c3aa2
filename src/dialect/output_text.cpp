#include "dialect/output_text.hpp"

#include "dialect/anthropic/message.hpp"
#include "dialect/gemini/message.hpp"
#include "dialect/openai/message.hpp"
#include "dialect/responses/message.hpp"

namespace sluice::dialect {

OutputTexts output_texts(Endpoint endpoint, std::string_view body) {
  OutputTexts texts;
  if (endpoint == Endpoint::kEmbeddings) return texts;
  json::Reader reader(body);
  switch (dialect_of(endpoint)) {
    case Dialect::kOpenAi:
      openai::read_answer(reader, texts);
      break;
    case Dialect::kAnthropic:
      anthropic::read_answer(reader, texts);
      break;
    case Dialect::kResponses:
      responses::read_answer(reader, texts);
      break;
    case Dialect::kGemini:
      gemini::read_answer(reader, texts);
      break;
  }
  if (!reader.finish()) texts.clear();
  return texts;
}

}  // namespace sluice::dialect
