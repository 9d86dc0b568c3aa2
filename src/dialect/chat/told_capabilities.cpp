#include "dialect/chat/told_capabilities.hpp"

#include <string_view>

namespace sluice::dialect::chat {
namespace {

constexpr int64_t kMostTokens = 1'000'000'000;

std::optional<int64_t> tokens(json::Value value) {
  const auto number = value.as_int();
  return number && *number > 0 && *number <= kMostTokens ? number : std::nullopt;
}

/// The first of the names that tells a number.
std::optional<int64_t> tokens(json::Value entry, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const auto number = tokens(entry[name])) return number;
  }
  return std::nullopt;
}

/// Anthropic's {"supported": true}.
std::optional<bool> supported(json::Value capability) { return capability["supported"].as_bool(); }

std::optional<std::bitset<kEfforts>> read_efforts(json::Value effort) {
  const auto any = supported(effort);
  if (!any) return std::nullopt;
  std::bitset<kEfforts> levels;
  for (size_t i = 1; *any && i < kEfforts; ++i) {
    levels[i] = supported(effort[to_string(static_cast<Effort>(i))]).value_or(false);
  }
  // Supported, but with levels that nobody knows: it tells nothing.
  if (*any && levels.none()) return std::nullopt;
  return levels;
}

template <typename T>
void put(T& place, const std::optional<T>& told) {
  if (told) place = *told;
}

}  // namespace

void ToldCapabilities::apply(Capabilities& capabilities) const {
  put(capabilities.max_output, max_output);
  put(capabilities.context_window, context_window);
  put(capabilities.adaptive, adaptive);
  put(capabilities.enabled, enabled);
  put(capabilities.disabled, disabled);
  put(capabilities.between_tools, between_tools);
  put(capabilities.structured_outputs, structured_outputs);
  put(capabilities.strict_tools, structured_outputs);  // one capability to Anthropic
  put(capabilities.image_in, image_in);
  put(capabilities.pdf_in, pdf_in);
  put(capabilities.efforts, efforts);
  if (never_thinks) {
    capabilities.efforts.reset();
    capabilities.budget_min = capabilities.budget_max = 0;
  }
}

ToldCapabilities read_told_capabilities(json::Value entry) {
  const json::Value capabilities = entry["capabilities"];
  const json::Value thinking = capabilities["thinking"]["types"];
  return {
      .max_output = tokens(entry, {"max_tokens", "outputTokenLimit"}),
      .context_window = tokens(entry, {"max_input_tokens", "inputTokenLimit", "max_model_len"}),
      .adaptive = supported(thinking["adaptive"]),
      .enabled = supported(thinking["enabled"]),
      .disabled = supported(thinking["disabled"]),
      .between_tools = supported(thinking["between_tools"]),
      .structured_outputs = supported(capabilities["structured_outputs"]),
      .image_in = supported(capabilities["image_input"]),
      .pdf_in = supported(capabilities["pdf_input"]),
      .efforts = read_efforts(capabilities["effort"]),
      .never_thinks = entry["thinking"].as_bool() == false,
  };
}

}  // namespace sluice::dialect::chat
