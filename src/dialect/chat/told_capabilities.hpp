// What an upstream's own list of models tells of what they take.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>

#include "dialect/chat/capabilities.hpp"
#include "dialect/chat/model.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::chat {

/// What one entry tells; absent where it does not.
struct ToldCapabilities {
  std::optional<int64_t> max_output;      // tokens
  std::optional<int64_t> context_window;  // tokens
  std::optional<bool> adaptive;
  std::optional<bool> enabled;
  std::optional<bool> disabled;
  std::optional<bool> between_tools;
  std::optional<bool> structured_outputs;
  std::optional<bool> image_in;
  std::optional<bool> pdf_in;
  std::optional<std::bitset<kEfforts>> efforts;
  bool never_thinks = false;

  bool operator==(const ToldCapabilities&) const = default;

  /// It wins over what `capabilities` say, and changes nothing else.
  void apply(Capabilities& capabilities) const;
};

/// Of a valid entry of Anthropic's list (`max_tokens`, `max_input_tokens`, `capabilities`),
/// Google's (`outputTokenLimit`, `inputTokenLimit`, `thinking`), or one of OpenAI's shape by vLLM
/// (`max_model_len`). What is no such value is as if it were not there.
ToldCapabilities read_told_capabilities(json::Value entry);

}  // namespace sluice::dialect::chat
