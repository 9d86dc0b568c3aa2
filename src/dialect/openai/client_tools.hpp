// Anthropic's tools that come without a schema, since its models know them, as the functions that
// other models need to be told of.
#pragma once

#include <optional>
#include <string_view>

#include "dialect/chat/model.hpp"

namespace sluice::dialect::openai {

struct ClientTool {
  std::string_view description;
  std::string_view parameters;  // a JSON schema
};

/// nullopt for a tool that cannot be had as one function: those that see and drive a screen.
std::optional<ClientTool> client_tool(json::String type);

}  // namespace sluice::dialect::openai
