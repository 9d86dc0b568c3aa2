// A search of the web, which the upstream runs itself.
#pragma once

#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

/// The tool in Anthropic's form, which the neutral model has of tools that the upstream runs.
/// `location` has OpenAI's members (city, region, country, timezone); both values may be absent.
Tool web_search_tool(json::Value location, json::Value allowed_domains, Arena& arena);

}  // namespace sluice::dialect::chat
