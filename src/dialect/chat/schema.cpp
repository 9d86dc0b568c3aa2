#include "dialect/chat/schema.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::dialect::chat {
namespace {

using json::Kind;
using json::Member;
using json::Value;
using json::Writer;

/// Object schemas merged into one that every one of them fits.
class Merged {
 public:
  /// `all`: what it requires is required of the whole. False when it is not an object's schema.
  bool add(Value schema, bool all) {
    const Value type = schema["type"];
    if (schema["$ref"].exists() || (type.exists() && !(as_text(type) == "object"))) return false;
    json::Members members(schema["properties"]);
    Member member;
    while (members.next(member)) {
      const std::string name = member.key.str();
      if (seen_.insert(name).second) properties.emplace_back(name, member.value);
    }
    std::set<std::string> names;
    json::Elements elements(schema["required"]);
    Value element;
    while (elements.next(element)) names.insert(element.as_string().value_or(""));
    if (all) {
      required.merge(names);
    } else if (!alternatives) {
      alternatives = std::move(names);
    } else {
      std::erase_if(*alternatives, [&](const std::string& name) { return !names.contains(name); });
    }
    return true;
  }

  using Property = std::pair<std::string, Value>;
  std::vector<Property> properties;
  std::set<std::string> required;
  std::optional<std::set<std::string>> alternatives;  // required by each

 private:
  std::set<std::string> seen_;
};

bool is_union(const Member& member) {
  return member.key == "anyOf" || member.key == "oneOf" || member.key == "allOf";
}

bool append_merged(std::string& out, Value schema) {
  Merged merged;
  bool whole = merged.add(schema, true);
  json::Members members(schema);
  Member member;
  while (members.next(member)) {
    if (!is_union(member)) continue;
    const bool all = member.key == "allOf";
    whole = whole && all;
    json::Elements elements(member.value);
    Value element;
    while (elements.next(element)) whole = merged.add(element, all) && whole;
  }
  if (merged.alternatives) merged.required.merge(*merged.alternatives);

  Writer json(out);
  json.begin_object().member("type", "object").key("properties").begin_object();
  for (const auto& [name, value] : merged.properties) {
    json.key(name);
    write_compact(json, value);
  }
  json.end_object();
  if (!merged.required.empty()) {
    json.key("required").begin_array();
    for (const std::string& name : merged.required) json.string(name);
    json.end_array();
  }
  json::Members rest(schema);
  while (rest.next(member)) {
    if (is_union(member) || member.key == "type" || member.key == "properties" ||
        member.key == "required" || member.key == "$schema") {
      continue;
    }
    json.key(member.key.str());
    write_compact(json, member.value);
  }
  json.end_object();
  return whole;
}

}  // namespace

bool append_input_schema(std::string& out, Value schema) {
  if (schema.kind() != Kind::kObject) {
    out += R"({"type":"object","properties":{}})";
    return true;
  }
  bool typed = false;
  json::Members members(schema);
  Member member;
  while (members.next(member)) {
    if (is_union(member)) return append_merged(out, schema);
    typed = typed || (member.key == "type" && as_text(member.value) == "object");
  }
  if (typed) {
    append_compact(out, schema.raw());
    return true;
  }
  Writer json(out);
  json.begin_object().member("type", "object");
  json::Members rest(schema);
  while (rest.next(member)) {
    if (member.key == "type") continue;
    json.key(member.key.str());
    write_compact(json, member.value);
  }
  json.end_object();
  return true;
}

void append_parameters(std::string& out, Value schema) {
  Writer json(out);
  json.begin_object();
  bool properties = false;
  bool object = true;
  bool typed = false;
  json::Members members(schema);
  Member member;
  while (members.next(member)) {
    if (member.key == "$schema" || member.key == "cache_control") continue;
    if (member.key == "properties") properties = true;
    if (member.key == "type") {
      typed = true;
      object = as_text(member.value) == "object";
    }
    json.key(member.key.str());
    write_compact(json, member.value);
  }
  if (!typed) json.member("type", "object");
  if (object && !properties) json.key("properties").begin_object().end_object();
  json.end_object();
}

}  // namespace sluice::dialect::chat
