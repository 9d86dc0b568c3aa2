// The tools of a request of Responses, read into the neutral model.
#pragma once

#include "base/error.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::responses {

/// Reads `tools`. Functions are the client's; a search of the web is left to the upstream. All
/// others are run by OpenAI, or called with what is no JSON: kInvalidRequest.
Status read_tools(json::Value tools, chat::Request& request);

/// Reads `tool_choice`.
Status read_tool_choice(json::Value value, chat::ToolChoice& choice);

}  // namespace sluice::dialect::responses
