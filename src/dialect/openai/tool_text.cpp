#include "dialect/openai/tool_text.hpp"

#include <string_view>

namespace sluice::dialect::openai {
namespace {

// Deeper objects are taken as their JSON: every level reads its part of the text again.
constexpr uint32_t kMaxDepth = 8;
// Descriptions stand only on the outer properties.
constexpr uint32_t kDescribedDepth = 1;

/// A schema's members that tell its type.
struct Schema {
  std::string type;
  json::Value types;  // `type` as an array
  json::Value any_of;
  json::Value values;  // enum
  json::Value items;
  json::Value properties;
};

Schema read_schema(json::Value value) {
  Schema schema;
  json::Members members(value);
  json::Member member;
  while (members.next(member)) {
    const json::Kind kind = member.value.kind();
    if (member.key == "type") {
      if (kind == json::Kind::kArray) schema.types = member.value;
      if (kind == json::Kind::kString) schema.type = *member.value.as_string();
    } else if (member.key == "enum" && kind == json::Kind::kArray) {
      schema.values = member.value;
    } else if (member.key == "items" && kind == json::Kind::kObject) {
      schema.items = member.value;
    } else if (member.key == "properties" && kind == json::Kind::kObject) {
      schema.properties = member.value;
    } else if ((member.key == "anyOf" || member.key == "oneOf") && kind == json::Kind::kArray) {
      schema.any_of = member.value;
    }
  }
  return schema;
}

}  // namespace

std::string ToolText::take() {
  if (text_.empty()) return {};
  std::string all = "namespace functions {\n\n" + std::move(text_) + "} // namespace functions";
  text_.clear();
  return all;
}

void ToolText::add(json::Value function) {
  std::string name;
  std::string description;
  json::Value parameters;
  json::Members members(function);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "name") name = member.value.as_string().value_or("");
    if (member.key == "description") description = member.value.as_string().value_or("");
    if (member.key == "parameters") parameters = member.value;
  }
  if (!description.empty()) text_.append("// ").append(description).append("\n");
  text_.append("type ").append(name).append(" = (");
  const json::Value inner = parameters["properties"];
  if (inner.exists() && !inner.is_empty()) {
    text_.append("_: {\n");
    properties(inner, 0);
    text_.append("}");
  }
  text_.append(") => any;\n\n");
}

void ToolText::properties(json::Value schema, uint32_t depth) {
  json::Members members(schema);
  json::Member member;
  while (members.next(member)) property(member, depth);
}

void ToolText::property(const json::Member& member, uint32_t depth) {
  if (depth <= kDescribedDepth) {
    const auto description = member.value["description"].as_string();
    if (description && !description->empty()) {
      line(depth);
      text_.append("// ").append(*description).append("\n");
    }
  }
  line(depth);
  member.key.append_to(text_);
  // An optional one has "?:", which is one token as ":" is.
  text_.append(": ");
  type(member.value, depth);
  text_.append(",\n");
}

void ToolText::type(json::Value schema, uint32_t depth) {
  if (depth > kMaxDepth) {
    text_.append(schema.raw());
    return;
  }
  const Schema read = read_schema(schema);
  if (read.values.exists()) return alternatives(read.values, depth, false);
  if (read.any_of.exists()) return alternatives(read.any_of, depth, true);
  if (read.types.exists()) return alternatives(read.types, depth, false);
  if (read.type == "array") {
    if (read.items.exists()) {
      type(read.items, depth + 1);
    } else {
      text_.append("any");
    }
    text_.append("[]");
  } else if (read.properties.exists()) {
    text_.append("{\n");
    properties(read.properties, depth + 1);
    line(depth);
    text_.append("}");
  } else if (read.type == "integer") {
    text_.append("number");
  } else {
    text_.append(read.type.empty() ? "any" : read.type);
  }
}

void ToolText::alternatives(json::Value values, uint32_t depth, bool schemas) {
  json::Elements elements(values);
  json::Value element;
  bool first = true;
  while (elements.next(element)) {
    if (!first) text_.append(" | ");
    first = false;
    if (schemas && element.kind() == json::Kind::kObject) {
      type(element, depth + 1);
    } else {
      text_.append(element.raw());
    }
  }
}

}  // namespace sluice::dialect::openai
