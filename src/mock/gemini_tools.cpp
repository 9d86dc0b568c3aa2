// The functions of a Gemini request, and the subset of OpenAPI in which they may be described.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "mock/gemini.hpp"
#include "mock/gemini_checks.hpp"

namespace sluice::mock::gemini {

namespace {

using json::Kind;
using json::Value;

constexpr std::array<std::string_view, 9> kTool = {
    "functionDeclarations", "googleSearch", "googleSearchRetrieval",
    "codeExecution",        "urlContext",   "computerUse",
    "fileSearch",           "googleMaps",   "mcpServers"};
constexpr std::array<std::string_view, 7> kDeclaration = {
    "name",     "description",        "parameters", "parametersJsonSchema",
    "response", "responseJsonSchema", "behavior"};
constexpr std::array<std::string_view, 22> kSchema = {
    "type",          "format",   "title",         "description", "nullable",  "enum",
    "maxItems",      "minItems", "properties",    "required",    "minLength", "maxLength",
    "minProperties", "pattern",  "maxProperties", "example",     "anyOf",     "propertyOrdering",
    "default",       "items",    "minimum",       "maximum"};
constexpr std::array<std::string_view, 7> kTypes = {"string", "number", "integer", "boolean",
                                                    "array",  "object", "null"};

constexpr size_t kLongestName = 128;

bool is_name(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && name.size() <= kLongestName && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == ':' || c == '-';
         });
}

Answered<void> check_type(Value type, const std::string& place) {
  if (!type.exists()) return {};
  if (type.kind() == Kind::kArray) {
    return refuse(fmt::format("Invalid JSON payload received. Unknown name \"type\" at '{}': Proto "
                              "field is not repeating, cannot start list.",
                              place),
                  place);
  }
  const std::string name = to_lower(type.as_string().value_or(""));
  if (std::ranges::find(kTypes, name) != kTypes.end()) return {};
  return refuse(fmt::format("Invalid value at '{}.type' (type.googleapis.com/google.ai."
                            "generativelanguage.v1beta.Type), {}",
                            place, type.raw()),
                place + ".type");
}

/// JSON Schema goes far beyond what `parameters` knows.
Answered<void> check_schema(Value schema, const std::string& place) {
  if (!schema.exists()) return {};
  if (auto known = check_object(schema, place, kSchema); !known) return known;
  if (auto type = check_type(schema["type"], place); !type) return type;
  json::Members members(schema["properties"]);
  json::Member each;
  for (size_t i = 0; members.next(each); ++i) {
    const std::string within = fmt::format("{}.properties[{}].value", place, i);
    if (auto read = check_schema(each.value, within); !read) return read;
  }
  if (auto items = check_schema(schema["items"], place + ".items"); !items) return items;
  json::Elements choices(member(schema, "anyOf"));
  Value choice;
  for (size_t i = 0; choices.next(choice); ++i) {
    auto read = check_schema(choice, fmt::format("{}.any_of[{}]", place, i));
    if (!read) return read;
  }
  return {};
}

Answered<std::string> read_declaration(Value declaration, const std::string& place) {
  if (auto known = check_object(declaration, place, kDeclaration); !known) {
    return std::unexpected(known.error());
  }
  auto name = declaration["name"].as_string();
  if (!name || !is_name(*name)) {
    return refuse(fmt::format(
        "* GenerateContentRequest.{}.name: Invalid function name. Must start with a letter or an "
        "underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), "
        "or dashes (-), with a maximum length of {}.",
        place, kLongestName));
  }
  if (declaration["parameters"].exists() && member(declaration, "parametersJsonSchema").exists()) {
    return refuse(
        fmt::format("* GenerateContentRequest.{}: only one of parameters and "
                    "parameters_json_schema may be set.",
                    place));
  }
  if (auto schema = check_schema(declaration["parameters"], place + ".parameters"); !schema) {
    return std::unexpected(schema.error());
  }
  return *std::move(name);
}

}  // namespace

Answered<void> read_tools(Value tools, Ask& ask) {
  if (!tools.exists()) return {};
  if (auto list = check_list(tools, "tools"); !list) return list;
  ask.prompt_tokens += rough_tokens(tools);
  std::set<std::string> names;
  size_t found = 0;
  json::Elements elements(tools);
  Value tool;
  for (size_t i = 0; elements.next(tool); ++i) {
    const std::string place = fmt::format("tools[{}]", i);
    if (auto known = check_object(tool, place, kTool); !known) return known;
    const Value list = member(tool, "functionDeclarations");
    if (auto all = check_list(list, place + ".function_declarations"); !all) return all;
    json::Elements declarations(list);
    Value each;
    for (size_t k = 0; declarations.next(each); ++k) {
      auto name = read_declaration(each, fmt::format("{}.function_declarations[{}]", place, k));
      if (!name) return std::unexpected(name.error());
      if (!names.insert(*name).second) {
        return refuse(fmt::format("Duplicate function declaration found: {}", *name));
      }
      if (found < ask.tools.size()) ask.tools[found++] = *std::move(name);
    }
  }
  if (found == 1) ask.tools[1] = ask.tools[0];
  return {};
}

}  // namespace sluice::mock::gemini
