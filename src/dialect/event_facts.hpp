// What the reader of a dialect finds in one event, before it counts for the stream: an event
// that turns out to be malformed at its end must leave no trace.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <vector>

#include "dialect/output_text.hpp"
#include "dialect/usage.hpp"
#include "json/slices.hpp"

namespace sluice::dialect {

inline constexpr size_t kMaxChoices = 128;

/// What a conversion needs of an event beyond its facts: slices of the event's data.
struct EventParts {
  /// A piece of an OpenAI call.
  struct Call {
    int64_t index = 0;
    bool has_index = false;
    bool raw = false;  // the arguments are not a string's content but an object
    json::String id;
    json::String name;
    json::String arguments;
  };

  json::String id;  // the upstream's, of the answer
  json::String service_tier;
  std::vector<Call> calls;                           // of OpenAI's first choice
  FinishReason finish_reason = FinishReason::kNone;  // of OpenAI's first choice
  // Of Anthropic's events.
  json::String type;
  int64_t index = 0;
  json::Value block;       // content_block
  json::Value citation;    // of a delta
  json::Value delta;       // of message_delta
  json::String signature;  // of a delta
  // Of Responses and Gemini.
  json::Value event;  // all of it

  void clear() {
    std::vector<Call> kept = std::move(calls);
    kept.clear();
    *this = {};
    calls = std::move(kept);
  }
};

struct EventFacts {
  /// Takes the texts into `texts`, which must outlive the facts.
  explicit EventFacts(OutputTexts& texts) : texts(texts) {}

  bool has_content = false;
  bool terminal = false;
  bool error = false;
  bool has_choices = false;   // OpenAI: at least one
  bool usage_of_end = false;  // Anthropic: `usage` is not that of the start
  bool repeats = false;       // Responses: of the texts only those not told before are new
  FinishReason finish_reason = FinishReason::kNone;
  std::optional<int64_t> sequence;  // Responses: the event's number
  std::bitset<kMaxChoices> seen;
  std::bitset<kMaxChoices> finished;
  json::Value usage;
  json::String model;
  OutputTexts& texts;
  EventParts* parts = nullptr;  // filled when asked for
};

/// True when the value of an `error` member tells of one: not null, false or empty.
inline bool tells_error(json::Value error) {
  const json::Kind kind = error.kind();
  return (kind == json::Kind::kObject || kind == json::Kind::kString) && !error.is_empty();
}

}  // namespace sluice::dialect
