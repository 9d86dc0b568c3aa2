// The wire dialects that clients and upstreams speak, and the endpoints of each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::dialect {

enum class Dialect : uint8_t { kOpenAi, kAnthropic, kResponses, kGemini };

enum class Endpoint : uint8_t {
  kChatCompletions,
  kCompletions,
  kEmbeddings,
  kMessages,
  kResponses,
  kGenerateContent,  // Gemini's, streamed and not; upstream only
};

/// "openai", "anthropic", "responses", "gemini": for metrics and logs.
std::string_view to_string(Dialect dialect);

Dialect dialect_of(Endpoint endpoint);

/// "chat_completions", "completions", "embeddings", "messages", "responses", "generate_content":
/// for metrics and logs.
std::string_view to_string(Endpoint endpoint);

/// The path to ask upstream, where `base_path` is the path of the provider's base_url without a
/// slash at its end. OpenAI bases hold their version (".../v1", ".../v4"); Anthropic's do not,
/// though one that ends in /v1 is understood; an empty base gets /v1 in both. Gemini's get /v1beta
/// unless they end in a version. Only Gemini's path tells the model, which may be called
/// "models/..." as Google does, and whether a stream is asked for, with a query.
std::string upstream_path(Endpoint endpoint, std::string_view base_path,
                          std::string_view model = {}, bool stream = false);

}  // namespace sluice::dialect
