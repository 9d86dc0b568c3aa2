#include "config/override.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "config/options.hpp"
#include "http/database_url.hpp"

namespace sluice::config {

namespace {

Node scalar(std::string_view text, const Place& place) {
  Node node = Node::of(Node::Kind::kScalar, place);
  node.verbatim = true;
  node.text = text;
  return node;
}

void mark_verbatim(Node& node, const Place& place) {
  node.verbatim = true;
  node.place = place;
  for (Node& item : node.items) mark_verbatim(item, place);
  for (Node::Entry& entry : node.entries) {
    entry.place = place;
    mark_verbatim(entry.node, place);
  }
}

Node value_node(const Shape& shape, std::string_view text, const Place& place, Problems& problems) {
  if (shape.kind == Shape::Kind::kLeaf) return scalar(text, place);
  const bool of_scalars =
      shape.kind == Shape::Kind::kList && shape.element.front().kind == Shape::Kind::kLeaf;
  if (of_scalars && !text.starts_with('[')) {
    Node list = Node::of(Node::Kind::kList, place);
    for_each_in_list(text,
                     [&](std::string_view piece) { list.items.push_back(scalar(piece, place)); });
    return list;
  }
  Node node = read_yaml(text, *place.source, problems);
  mark_verbatim(node, place);
  return node;
}

class Setter {
 public:
  Setter(Node& root, const Place& place, Problems& problems)
      : root_(root), place_(place), problems_(problems) {}

  void set(std::string_view path, std::string_view value) {
    Node* node = &root_;
    const Shape* shape = &root_shape();
    std::string_view rest = path;
    while (!rest.empty()) {
      const size_t dot = rest.find('.');
      std::string_view segment = rest.substr(0, dot);
      const bool free_key = shape->kind == Shape::Kind::kMap && !shape->element.empty() &&
                            shape->element.front().kind == Shape::Kind::kLeaf;
      if (free_key) segment = rest;
      rest.remove_prefix(std::min(segment.size() + 1, rest.size()));
      const Shape* below = step(*shape, segment, path);
      if (below == nullptr) return;
      node = shape->kind == Shape::Kind::kList ? item(*node, segment, path) : entry(*node, segment);
      if (node == nullptr) return;
      shape = below;
    }
    *node = value_node(*shape, value, place_, problems_);
  }

 private:
  const Shape* step(const Shape& shape, std::string_view segment, std::string_view path) {
    if (shape.kind == Shape::Kind::kList) return &shape.element.front();
    if (const Shape* found = shape.find(segment)) return found;
    if (shape.find_secret_of_file(segment) != nullptr) return &kText;
    std::vector<std::string_view> known;
    known.reserve(shape.keys.size());
    for (const Shape::Key& key : shape.keys) known.push_back(key.name);
    const std::string_view best = nearest(segment.substr(0, 64), known);
    problems_.error(place_, fmt::format("unknown option {}{}", path,
                                        best.empty() ? std::string()
                                                     : fmt::format("; \"{}\": did you mean "
                                                                   "\"{}\"?",
                                                                   segment, best)));
    return nullptr;
  }

  Node* entry(Node& map, std::string_view key) {
    if (map.kind != Node::Kind::kMap) map = Node::of(Node::Kind::kMap, place_);
    if (Node* found = map.find(key)) return found;
    map.entries.push_back({std::string(key), place_, {}});
    return &map.entries.back().node;
  }

  Node* item(Node& list, std::string_view segment, std::string_view path) {
    if (list.kind != Node::Kind::kList) list = Node::of(Node::Kind::kList, place_);
    const auto index = parse_u64(segment);
    if (!index || *index > list.items.size()) {
      problems_.error(place_, fmt::format("{}: \"{}\" is no element of a list of {}", path, segment,
                                          list.items.size()));
      return nullptr;
    }
    if (*index == list.items.size()) list.items.emplace_back().place = place_;
    return &list.items[*index];
  }

  static const inline Shape kText{};
  Node& root_;
  Place place_;
  Problems& problems_;
};

Place from(std::string source) {
  return {std::make_shared<const std::string>(std::move(source)), 0, 0};
}

std::string boolean(std::string_view text) {
  const std::string lower = to_lower(text);
  if (lower == "1" || lower == "true") return "true";
  if (lower == "0" || lower == "false") return "false";
  return std::string(text);
}

/// Variables that do not stand for one option as they are.
class OtherVariables {
 public:
  OtherVariables(Node& root, const Lookup& environment, Problems& problems)
      : root_(root), environment_(environment), problems_(problems) {}

  void apply() {
    apply_gin_mode();
    apply_database();
  }

 private:
  static Place variable(std::string_view name) {
    return from(fmt::format("environment variable {}", name));
  }

  std::string get(std::string_view name) const { return environment_(name).value_or(""); }

  void apply_gin_mode() {
    const std::string mode = get("GIN_MODE");
    if (mode.empty() || mode == "release" || mode == "test") return;
    const Place place = variable("GIN_MODE");
    if (mode != "debug") {
      problems_.error(place, "must be one of release, debug, test");
      return;
    }
    if (get("LOG_LEVEL").empty()) Setter(root_, place, problems_).set("logging.level", "debug");
  }

  void apply_database() {
    const std::string port = get("DB_PORT");
    const auto number = parse_integer(port);
    if (!port.empty() && (!number || *number < 1 || *number > 65535)) {
      problems_.error(variable("DB_PORT"), "must be a whole number from 1 to 65535");
      return;
    }
    const std::string host = get("DB_HOST");
    if (host.empty()) return;
    const auto or_else = [this](std::string_view name, const char* standard) {
      std::string value = get(name);
      return value.empty() ? std::string(standard) : value;
    };
    Setter(root_, variable("DB_HOST"), problems_)
        .set("database.url", http::mysql_url(host, port, or_else("DB_USER", "root"),
                                             get("DB_PASSWORD"), or_else("DB_NAME", "ai_gateway")));
  }

  Node& root_;
  const Lookup& environment_;
  Problems& problems_;
};

}  // namespace

void apply_environment(Node& root, const Lookup& environment, Problems& problems) {
  OtherVariables(root, environment, problems).apply();
  for (const Option& option : options()) {
    if (option.env.empty()) continue;
    std::optional<std::string> value = environment(option.env);
    if (!value || value->empty()) continue;
    if (option.type == Type::kBool) value = boolean(*value);
    std::string_view name = option.name;
    if (name.ends_with("[]")) name.remove_suffix(2);
    Setter(root, from(fmt::format("environment variable {}", option.env)), problems)
        .set(name, *value);
  }
}

void apply_settings(Node& root, std::span<const std::string> settings, Problems& problems) {
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    const std::string key = setting.substr(0, equals);
    const Place place = from("--set " + key);
    if (equals == std::string::npos || key.empty()) {
      problems.error(from("--set"), "must be written as key=value");
      continue;
    }
    Setter(root, place, problems).set(key, std::string_view(setting).substr(equals + 1));
  }
}

}  // namespace sluice::config
