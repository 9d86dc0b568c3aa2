// A client's prompt: whatever it holds, its bound is not below its count. The first byte chooses
// the endpoint and the model.
#include <cstdlib>

#include "dialect/prompt.hpp"
#include "dialect/request.hpp"

using namespace sluice;
using namespace sluice::dialect;

namespace {

constexpr const char* kModels[] = {
    "gpt-4o", "gpt-4",   "text-davinci-003", "davinci", "claude-sonnet-4-6",
    "qwen",   "o4-mini", "gemini-2.5"};

// Of clients.
constexpr Endpoint kEndpoints[] = {Endpoint::kChatCompletions, Endpoint::kCompletions,
                                   Endpoint::kEmbeddings, Endpoint::kMessages,
                                   Endpoint::kResponses};

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const auto endpoint = kEndpoints[data[0] % std::size(kEndpoints)];
  const tokens::ModelFacts model =
      tokens::facts_of(kModels[data[0] / std::size(kEndpoints) % std::size(kModels)]);
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  if (understand(endpoint, std::string(body))) {
    const int64_t count = count_prompt(endpoint, body, model);
    require(count >= 0);
    require(prompt_bound(endpoint, body, model) >= count);
  } else {
    // Nobody is promised a number for such a body, but nothing worse may come of it.
    prompt_bound(endpoint, body, model);
    count_prompt(endpoint, body, model);
  }
  return 0;
}
