#include "dialect/prompt.hpp"

#include "dialect/anthropic/prompt.hpp"
#include "dialect/openai/prompt.hpp"
#include "dialect/prompt_tally.hpp"

namespace sluice::dialect {
namespace {

int64_t read(Endpoint endpoint, std::string_view body, Tally&& tally) {
  switch (endpoint) {
    case Endpoint::kChatCompletions:
      openai::read_chat_prompt(body, tally);
      break;
    case Endpoint::kCompletions:
      openai::read_text_prompt(body, "prompt", tally);
      break;
    case Endpoint::kEmbeddings:
      openai::read_text_prompt(body, "input", tally);
      break;
    case Endpoint::kMessages:
      anthropic::read_prompt(body, tally);
      break;
    case Endpoint::kResponses:
      openai::read_responses_prompt(body, tally);
      break;
    case Endpoint::kGenerateContent:  // of no client
      break;
  }
  return tally.total();
}

}  // namespace

int64_t prompt_bound(Endpoint endpoint, std::string_view body, const tokens::ModelFacts& model) {
  return read(endpoint, body, Tally(Tally::Measure::kBound, model));
}

int64_t count_prompt(Endpoint endpoint, std::string_view body, const tokens::ModelFacts& model) {
  return read(endpoint, body, Tally(Tally::Measure::kTokens, model));
}

}  // namespace sluice::dialect
