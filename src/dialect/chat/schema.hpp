// JSON schemas, rewritten to what each upstream takes. A schema's meaning is loosened where it
// must be, and then told in its description; it is never narrowed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "dialect/chat/texts.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::chat {

/// A schema in the subset that Anthropic's structured outputs hold to, by the rules of its
/// official SDK: every object closed, constraints it does not know moved into descriptions.
struct StrictSchema {
  std::string json;
  size_t optional_members = 0;  // members that are not required, all objects together
  size_t unions = 0;
};

/// `description` is put before the schema's own. nullopt where the subset cannot tell the schema:
/// recursion, references to elsewhere, a part without a type.
std::optional<StrictSchema> strict_schema(json::Value schema, json::String description);

/// True when the schema is in the subset that OpenAI's strict mode takes: every object closed and
/// all its members required.
bool is_openai_strict(json::Value schema, size_t nesting = 0);

/// Appends the schema of a tool's input for Anthropic: an object at its root, without unions there.
/// `schema` need not exist. False when a union was loosened so that its parts are not told apart.
bool append_input_schema(std::string& out, json::Value schema);

/// Appends the schema of a function's parameters for OpenAI and servers compatible with it: an
/// object with `properties`, without `$schema` and `cache_control`.
void append_parameters(std::string& out, json::Value schema);

}  // namespace sluice::dialect::chat
