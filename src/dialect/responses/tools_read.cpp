#include "dialect/responses/tools_read.hpp"

#include <utility>

#include "dialect/chat/reading.hpp"
#include "dialect/chat/web_search.hpp"

namespace sluice::dialect::responses {
namespace {

using chat::as_text;
using chat::refuse;
using chat::Tool;
using json::Kind;
using json::Value;
using Mode = chat::ToolChoice::Mode;

Status read_function(Value function, const std::string& where, Tool& tool) {
  const auto [name, description, parameters, strict] =
      chat::members_of(function, {"name", "description", "parameters", "strict"});
  tool.name = as_text(name);
  if (tool.name.empty()) return refuse(chat::member(where, "name"), "name is required.");
  tool.description = as_text(description);
  if (!parameters.is_null()) tool.schema = parameters;
  if (tool.schema.exists() && tool.schema.kind() != Kind::kObject) {
    return refuse(chat::member(where, "parameters"), "parameters must be an object.");
  }
  tool.strict = strict.as_bool();
  return {};
}

void read_web_search(Value value, chat::Request& request, Tool& tool) {
  const auto [filters, location, size] =
      chat::members_of(value, {"filters", "user_location", "search_context_size"});
  tool = chat::web_search_tool(location, filters["allowed_domains"], request.arena);
  if (size.kind() == Kind::kString && !(as_text(size) == "medium")) {
    chat::note(request.dropped, "tools.search_context_size");
  }
}

Mode mode_of(json::String word) {
  if (word == "auto") return Mode::kAuto;
  if (word == "none") return Mode::kNone;
  return word == "required" ? Mode::kRequired : Mode::kUnset;
}

Status read_allowed_tools(Value mode, Value tools, chat::ToolChoice& choice) {
  choice.mode = mode_of(as_text(mode));
  json::Elements elements(tools);
  Value element;
  while (elements.next(element)) {
    const json::String name = as_text(element["name"]);
    const bool function = as_text(element["type"]) == "function" && !name.empty();
    if (!function || choice.allowed.size() >= chat::kMaxTools) {
      return refuse("tool_choice.tools", "Each must name a function.");
    }
    choice.allowed.push_back(name);
  }
  if (choice.allowed.empty()) {
    return refuse("tool_choice.tools", "tools must be a list that is not empty.");
  }
  return {};
}

}  // namespace

Status read_tools(Value tools, chat::Request& request) {
  if (tools.kind() != Kind::kArray) return refuse("tools", "tools must be a list.");
  json::Elements elements(tools);
  Value element;
  while (elements.next(element)) {
    const std::string where = chat::element("tools", request.tools.size());
    if (request.tools.size() >= chat::kMaxTools) {
      return refuse("tools", "There are too many tools.");
    }
    const json::String type = as_text(element["type"]);
    Tool& tool = request.tools.emplace_back();
    if (type == "function") {
      if (Status read = read_function(element, where, tool); !read) return read;
    } else if (type.bytes.starts_with("web_search")) {
      read_web_search(element, request, tool);
    } else {
      return refuse(chat::member(where, "type"),
                    "Tools of type '" + type.str() +
                        "' are not had for this model, only functions and web_search.");
    }
  }
  return {};
}

Status read_tool_choice(Value value, chat::ToolChoice& choice) {
  if (value.kind() == Kind::kString) {
    choice.mode = mode_of(as_text(value));
    if (choice.mode != Mode::kUnset) return {};
  } else {
    const auto [type_value, name, mode, tools] =
        chat::members_of(value, {"type", "name", "mode", "tools"});
    const json::String type = as_text(type_value);
    if (type == "allowed_tools") return read_allowed_tools(mode, tools, choice);
    if (type == "function" && !as_text(name).empty()) {
      choice.mode = Mode::kTool;
      choice.name = as_text(name);
      return {};
    }
  }
  return refuse("tool_choice",
                "tool_choice must be auto, none, required, a function or allowed_tools.");
}

}  // namespace sluice::dialect::responses
