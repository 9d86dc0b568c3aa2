// Tells what an event of a streamed answer is, by looking for a few words in it: a load generator
// that parsed every event would be what it measures.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/sse.hpp"
#include "load/options.hpp"

namespace sluice::load {

enum class EventKind : uint8_t {
  kOther,     // preamble, usage, keep-alive, a finish reason without text
  kContent,   // text, reasoning or tool arguments
  kTerminal,  // the answer is complete: [DONE], message_stop
  kError,     // an error in the middle of a stream
};

/// Source of the forms: the OpenAI chat completions and Anthropic messages streaming references.
EventKind classify(Dialect dialect, const http::SseEvent& event);

/// The upstream's monotonic clock when it wrote the event, where it was asked to (content that
/// begins with `t`, nanoseconds, and a space); nullopt otherwise.
std::optional<int64_t> stamp_of(std::string_view data);

}  // namespace sluice::load
