// One event of a stream of OpenAI's Responses.
#pragma once

#include <string_view>

#include "dialect/event_facts.hpp"

namespace sluice::dialect::responses {

/// False when the data is not valid JSON, or no object.
bool read_event(std::string_view data, EventFacts& facts);

}  // namespace sluice::dialect::responses
