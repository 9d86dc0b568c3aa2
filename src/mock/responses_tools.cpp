// The flat tools of the Responses API.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "json/writer.hpp"
#include "mock/openai_checks.hpp"
#include "mock/responses.hpp"

namespace sluice::mock::responses {

namespace {

using json::Kind;
using json::Value;
using openai::missing;
using openai::refuse;
using openai::wrong_type;

/// Tools that run at OpenAI, and those that are no functions: accepted, never called.
constexpr std::string_view kOthers[] = {
    "apply_patch", "code_interpreter", "computer_use_preview", "custom",
    "file_search", "image_generation", "local_shell",          "mcp",
    "shell",       "web_search",       "web_search_preview",
};

bool is_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

/// What strict mode misses in a schema; empty when it is content.
std::string strict_complaint(Value schema, const std::string& context) {
  if (schema.kind() != Kind::kObject) return {};
  const Value properties = schema["properties"];
  if (schema["type"].as_string() == "object" || properties.exists()) {
    if (schema["additionalProperties"].as_bool() != false) {
      return fmt::format(
          "In context=({}), 'additionalProperties' is required to be supplied and to be false.",
          context);
    }
    std::set<std::string> required;
    json::Elements names(schema["required"]);
    Value name;
    while (names.next(name)) required.insert(name.as_string().value_or(""));
    json::Members members(properties);
    json::Member member;
    while (members.next(member)) {
      const std::string key = member.key.str();
      if (!required.contains(key)) {
        return fmt::format(
            "In context=({}), 'required' is required to be supplied and to be an array including "
            "every key in properties. Missing '{}'.",
            context, key);
      }
      std::string within = context.empty() ? context : context + ", ";
      within += fmt::format("'properties', '{}'", key);
      if (std::string wrong = strict_complaint(member.value, within); !wrong.empty()) return wrong;
    }
  }
  return strict_complaint(schema["items"], context.empty() ? "'items'" : context + ", 'items'");
}

Answered<void> read_function(Value tool, const std::string& place, json::Writer& json) {
  const Value named = tool["name"];
  if (!named.exists()) return missing(place + ".name");
  const auto name = named.as_string();
  if (!name) return wrong_type(place + ".name", "a string", named);
  if (!is_name(*name)) {
    return refuse(fmt::format("Invalid '{}.name': string does not match pattern. Expected a string "
                              "that matches the pattern '^[a-zA-Z0-9_-]+$'.",
                              place),
                  place + ".name", "invalid_value");
  }
  if (name->size() > 64) {
    return refuse(fmt::format("Invalid '{}.name': string too long. Expected a string with maximum "
                              "length 64, but got a string with length {} instead.",
                              place, name->size()),
                  place + ".name", "string_above_max_length");
  }
  const Value parameters = tool["parameters"];
  const bool none = !parameters.exists() || parameters.is_null();
  if (!none && parameters.kind() != Kind::kObject) {
    return wrong_type(place + ".parameters", "an object", parameters);
  }
  const Value strict = tool["strict"];
  const bool told = strict.exists() && !strict.is_null();
  if (told && !strict.as_bool()) return wrong_type(place + ".strict", "a boolean", strict);
  if (strict.as_bool() == true) {
    if (std::string wrong = strict_complaint(parameters, ""); !wrong.empty()) {
      return refuse(fmt::format("Invalid schema for function '{}': {}", *name, wrong),
                    place + ".parameters", "invalid_function_parameters");
    }
  }
  json.begin_object().member("type", "function").member("name", *name);
  json.raw_member("description", tool["description"].exists() ? tool["description"].raw() : "null");
  json.raw_member("parameters", none ? "null" : parameters.raw());
  // Left out, the API makes functions strict, as far as their schemas let it.
  json.member("strict", strict.as_bool().value_or(true)).end_object();
  return {};
}

}  // namespace

Answered<void> read_tools(Value tools, Ask& ask) {
  ask.echo += R"("tools":)";
  json::Writer json(ask.echo);
  json.begin_array();
  if (tools.exists() && !tools.is_null()) {
    if (tools.kind() != Kind::kArray) return wrong_type("tools", "an array of objects", tools);
    ask.prompt_tokens += rough_tokens(tools);
    json::Elements elements(tools);
    Value tool;
    size_t found = 0;
    for (size_t i = 0; elements.next(tool); ++i) {
      const std::string place = fmt::format("tools[{}]", i);
      if (tool.kind() != Kind::kObject) return wrong_type(place, "an object", tool);
      const auto type = tool["type"].as_string();
      if (!type) return missing(place + ".type");
      if (std::ranges::find(kOthers, *type) != std::end(kOthers)) {
        json.raw(tool.raw());
        continue;
      }
      if (*type != "function") {
        return refuse(fmt::format("Invalid value: '{}'. Supported values are: 'function', {}.",
                                  *type, "'custom', 'web_search', 'file_search', 'mcp'"),
                      place + ".type", "invalid_value");
      }
      if (auto read = read_function(tool, place, json); !read) return read;
      if (found < ask.tools.size()) ask.tools[found++] = *tool["name"].as_string();
    }
    if (found == 1) ask.tools[1] = ask.tools[0];
  }
  json.end_array();
  ask.echo += ',';
  return {};
}

}  // namespace sluice::mock::responses
