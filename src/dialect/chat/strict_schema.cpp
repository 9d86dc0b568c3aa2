#include "dialect/chat/schema.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::dialect::chat {
namespace {

using json::Kind;
using json::Member;
using json::Value;
using json::Writer;

/// Rewriting reads a schema once for each level that it nests; larger ones are not looked into.
constexpr size_t kMaxSchema = size_t{64} << 10;
constexpr size_t kMaxNesting = 32;
constexpr size_t kMaxReferences = 512;
constexpr std::string_view kDefs = "#/$defs/";

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

bool is_primitive(Value value) {
  const Kind kind = value.kind();
  return kind != Kind::kObject && kind != Kind::kArray && kind != Kind::kInvalid;
}

bool all_primitive(Value list) {
  json::Elements elements(list);
  Value element;
  bool any = false;
  while (elements.next(element)) {
    if (!is_primitive(element)) return false;
    any = true;
  }
  return any;
}

/// The members of one schema that the rules name, and those that they do not.
struct Parts {
  explicit Parts(Value schema) {
    const auto places = std::to_array<std::pair<std::string_view, Value*>>({
        {"$defs", &defs},
        {"$ref", &ref},
        {"$schema", &dialect},
        {"enum", &values},
        {"const", &constant},
        {"type", &type},
        {"anyOf", &any_of},
        {"oneOf", &one_of},
        {"allOf", &all_of},
        {"description", &description},
        {"title", &title},
        {"properties", &properties},
        {"required", &required},
        {"additionalProperties", &additional},
        {"items", &items},
        {"minItems", &min_items},
        {"format", &format},
    });
    json::Members members(schema);
    Member member;
    while (members.next(member)) {
      const auto place = std::ranges::find_if(
          places, [&](const auto& known) { return member.key == known.first; });
      if (place == places.end()) {
        others.push_back(member);
      } else {
        *place->second = member.value;
      }
    }
  }

  Value defs, ref, dialect, values, constant, type, any_of, one_of, all_of, description, title,
      properties, required, additional, items, min_items, format;
  std::vector<Member> others;
};

class StrictWriter {
 public:
  explicit StrictWriter(Value root) : defs_(root["$defs"]) {}

  /// Returns false when the schema cannot be told.
  bool write(Value schema, json::String before, std::string& out) {
    if (schema.kind() != Kind::kObject || nesting_ >= kMaxNesting) return false;
    ++nesting_;
    const bool written = write_parts(Parts(schema), before, {}, out);
    --nesting_;
    return written;
  }

  size_t optional_members = 0;
  size_t unions = 0;

 private:
  static constexpr auto kFormats =
      std::to_array<std::string_view>({"date-time", "time", "date", "duration", "email", "hostname",
                                       "uri", "ipv4", "ipv6", "uuid"});

  bool write_parts(const Parts& parts, json::String before, std::string_view one_type,
                   std::string& out) {
    Writer json(out);
    json.begin_object();
    if (parts.defs.exists() && !write_map(json, "$defs", parts.defs)) return false;
    if (parts.ref.exists()) {
      if (!follow(parts.ref)) return false;
      json.key("$ref");
      write_compact(json, parts.ref);
      json.end_object();
      return true;
    }
    const bool literals = write_literals(parts, json);
    std::string type = literals ? "" : std::string(one_type);
    if (type.empty() && !literals) type = parts.type.as_string().value_or("");
    const Value list = parts.any_of.kind() == Kind::kArray   ? parts.any_of
                       : parts.one_of.kind() == Kind::kArray ? parts.one_of
                       : parts.all_of.kind() == Kind::kArray ? parts.all_of
                                                             : Value();
    if (list.exists() && one_type.empty()) {
      const bool all = list.raw().data() == parts.all_of.raw().data();
      if (!write_list(json, all ? "allOf" : "anyOf", list)) return false;
    } else if (!literals && type.empty()) {
      if (parts.type.kind() != Kind::kArray) return false;
      if (!write_types(parts, json)) return false;
      if (has_inner_types(parts.type)) {
        json.end_object();
        return true;
      }
    } else if (!literals) {
      json.member("type", type);
    }
    write_description(parts, before, type, json);
    if (parts.title.exists()) {
      json.key("title");
      write_compact(json, parts.title);
    }
    if (type == "object" && !write_object(parts, json)) return false;
    if (type == "array" && !write_array(parts, json)) return false;
    if (type == "string" && has_format(parts)) {
      json.key("format");
      write_compact(json, parts.format);
    }
    json.end_object();
    return true;
  }

  static bool write_literals(const Parts& parts, Writer& json) {
    bool any = false;
    if (parts.values.kind() == Kind::kArray && all_primitive(parts.values)) {
      json.key("enum");
      write_compact(json, parts.values);
      any = true;
    }
    if (parts.constant.exists() && is_primitive(parts.constant)) {
      json.key("const");
      write_compact(json, parts.constant);
      any = true;
    }
    return any;
  }

  static bool has_inner_types(Value types) {
    json::Elements elements(types);
    Value element;
    while (elements.next(element)) {
      const json::String name = as_text(element);
      if (name == "object" || name == "array") return true;
    }
    return false;
  }

  /// ["string","null"] stays as it is; with an object or array among them each type is a part of a
  /// union.
  bool write_types(const Parts& parts, Writer& json) {
    ++unions;
    if (!has_inner_types(parts.type)) {
      json.key("type");
      write_compact(json, parts.type);
      return true;
    }
    std::set<std::string> seen;
    json.key("anyOf").begin_array();
    json::Elements elements(parts.type);
    Value element;
    while (elements.next(element)) {
      const std::string type = element.as_string().value_or("");
      // Each type once: what stands inside would be written again for every one.
      if (type.empty() || !seen.insert(type).second) return false;
      std::string inner;
      if (type == "null") {
        inner = R"({"type":"null"})";
      } else if (!write_parts(parts, {}, type, inner)) {
        return false;
      }
      json.raw(inner);
    }
    json.end_array();
    return true;
  }

  bool write_list(Writer& json, std::string_view name, Value list) {
    ++unions;
    json.key(name).begin_array();
    json::Elements elements(list);
    Value element;
    while (elements.next(element)) {
      std::string inner;
      if (!write(element, {}, inner)) return false;
      json.raw(inner);
    }
    json.end_array();
    return true;
  }

  bool write_map(Writer& json, std::string_view name, Value map) {
    if (map.kind() != Kind::kObject) return false;
    json.key(name).begin_object();
    json::Members members(map);
    Member member;
    while (members.next(member)) {
      std::string inner;
      if (!write(member.value, {}, inner)) return false;
      json.key(member.key.str()).raw(inner);
    }
    json.end_object();
    return true;
  }

  bool write_object(const Parts& parts, Writer& json) {
    const Value properties = parts.properties.exists() ? parts.properties : Value("{}");
    if (!write_map(json, "properties", properties)) return false;
    json.member("additionalProperties", false);
    if (parts.required.exists()) {
      json.key("required");
      write_compact(json, parts.required);
    }
    size_t all = 0;
    size_t required = 0;
    json::Members members(properties);
    Member member;
    while (members.next(member)) ++all;
    json::Elements elements(parts.required);
    Value element;
    while (elements.next(element)) ++required;
    optional_members += all - std::min(all, required);
    return true;
  }

  bool write_array(const Parts& parts, Writer& json) {
    if (parts.items.exists()) {
      std::string inner;
      if (!write(parts.items, {}, inner)) return false;
      json.key("items").raw(inner);
    }
    if (has_min_items(parts)) {
      json.key("minItems");
      write_compact(json, parts.min_items);
    }
    return true;
  }

  static bool has_min_items(const Parts& parts) {
    const auto count = parts.min_items.as_int();
    return count && (*count == 0 || *count == 1);
  }
  static bool has_format(const Parts& parts) {
    return is_one_of(parts.format.as_string().value_or(""), kFormats);
  }

  /// What the subset cannot hold to is told in words, for the model to heed.
  static void write_description(const Parts& parts, json::String before, std::string_view type,
                                Writer& json) {
    std::string lost;
    const auto lose = [&](std::string_view name, Value value) {
      if (!value.exists()) return;
      lost += lost.empty() ? "{" : ", ";
      lost += name;
      lost += ": ";
      append_compact(lost, value.raw());
    };
    if (parts.values.exists() && !all_primitive(parts.values)) lose("enum", parts.values);
    if (parts.constant.exists() && !is_primitive(parts.constant)) lose("const", parts.constant);
    if (type != "object") {
      lose("properties", parts.properties);
      lose("required", parts.required);
      lose("additionalProperties", parts.additional);
    }
    if (type != "array") lose("items", parts.items);
    if (type != "array" || !has_min_items(parts)) lose("minItems", parts.min_items);
    if (type != "string" || !has_format(parts)) lose("format", parts.format);
    for (const Member& other : parts.others) lose(other.key.str(), other.value);
    if (!lost.empty()) lost += '}';

    std::string text;
    for (const std::string& part :
         {before.str(), parts.description.as_string().value_or(""), lost}) {
      if (part.empty()) continue;
      if (!text.empty()) text += "\n\n";
      text += part;
    }
    if (!text.empty()) json.member("description", text);
  }

  /// A reference is good when it leads to a definition and not back to itself.
  bool follow(Value reference) {
    const std::string target = reference.as_string().value_or("");
    if (!target.starts_with(kDefs)) return false;
    const std::string name = target.substr(kDefs.size());
    if (sound_.contains(name)) return true;
    if (open_.size() >= kMaxNesting || ++references_ > kMaxReferences) return false;
    const Value definition = defs_[name];
    if (!definition.exists() || !open_.insert(name).second) return false;
    const bool sound = references_sound(definition);
    open_.erase(name);
    if (sound) sound_.insert(name);
    return sound;
  }

  bool references_sound(Value value) {
    if (value.kind() == Kind::kArray) {
      json::Elements elements(value);
      Value element;
      while (elements.next(element)) {
        if (!references_sound(element)) return false;
      }
      return true;
    }
    if (value.kind() != Kind::kObject) return true;
    json::Members members(value);
    Member member;
    while (members.next(member)) {
      const bool reference = member.key == "$ref" && member.value.kind() == Kind::kString;
      if (reference ? !follow(member.value) : !references_sound(member.value)) return false;
    }
    return true;
  }

  Value defs_;
  size_t nesting_ = 0;
  size_t references_ = 0;
  std::set<std::string> open_;   // definitions being followed
  std::set<std::string> sound_;  // definitions known not to lead to themselves
};

}  // namespace

std::optional<StrictSchema> strict_schema(Value schema, json::String description) {
  if (schema.raw().size() > kMaxSchema) return std::nullopt;
  StrictSchema result;
  StrictWriter writer(schema);
  if (!writer.write(schema, description, result.json)) return std::nullopt;
  result.optional_members = writer.optional_members;
  result.unions = writer.unions;
  return result;
}

bool is_openai_strict(Value schema, size_t nesting) {
  if (schema.raw().size() > kMaxSchema || nesting >= kMaxNesting) return false;
  if (schema.kind() == Kind::kArray) {
    json::Elements elements(schema);
    Value element;
    while (elements.next(element)) {
      if (!is_openai_strict(element, nesting + 1)) return false;
    }
    return true;
  }
  if (schema.kind() != Kind::kObject) return true;
  const Parts parts(schema);
  const bool object = as_text(parts.type) == "object" || parts.properties.exists();
  if (object && parts.additional.as_bool() != false) return false;
  std::set<std::string> required;
  json::Elements elements(parts.required);
  Value element;
  while (elements.next(element)) required.insert(element.as_string().value_or(""));
  for (const Value map : {parts.properties, parts.defs}) {
    json::Members members(map);
    Member member;
    while (members.next(member)) {
      if (map.raw().data() == parts.properties.raw().data() && !required.contains(member.key.str()))
        return false;
      if (!is_openai_strict(member.value, nesting + 1)) return false;
    }
  }
  if (parts.one_of.exists() || parts.all_of.exists()) return false;
  return is_openai_strict(parts.items, nesting + 1) && is_openai_strict(parts.any_of, nesting + 1);
}

}  // namespace sluice::dialect::chat
