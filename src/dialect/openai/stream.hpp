// OpenAI's stream events: chat.completion.chunk and text_completion.
#pragma once

#include <string_view>

#include "dialect/event_facts.hpp"

namespace sluice::dialect::openai {

/// Reads one event's data, which is known to be UTF-8. False when it is not one JSON object.
bool read_event(std::string_view data, EventFacts& facts);

}  // namespace sluice::dialect::openai
