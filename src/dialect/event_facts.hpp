// What the reader of a dialect finds in one event, before it counts for the stream: an event
// that turns out to be malformed at its end must leave no trace.
#pragma once

#include <bitset>
#include <cstdint>

#include "dialect/output_text.hpp"
#include "dialect/usage.hpp"
#include "json/slices.hpp"

namespace sluice::dialect {

inline constexpr size_t kMaxChoices = 128;

struct EventFacts {
  /// Takes the texts into `texts`, which must outlive the facts.
  explicit EventFacts(OutputTexts& texts) : texts(texts) {}

  bool has_content = false;
  bool terminal = false;
  bool error = false;
  bool has_choices = false;   // OpenAI: at least one
  bool usage_of_end = false;  // Anthropic: `usage` is not that of the start
  FinishReason finish_reason = FinishReason::kNone;
  std::bitset<kMaxChoices> seen;
  std::bitset<kMaxChoices> finished;
  json::Value usage;
  json::String model;
  OutputTexts& texts;
};

/// True when the value of an `error` member tells of one: not null, false or empty.
inline bool tells_error(json::Value error) {
  const json::Kind kind = error.kind();
  return (kind == json::Kind::kObject || kind == json::Kind::kString) && !error.is_empty();
}

}  // namespace sluice::dialect
