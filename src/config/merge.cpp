#include "config/merge.hpp"

#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "config/bind.hpp"
#include "config/fields.hpp"

namespace sluice::config {

namespace {

Place from(std::string source) {
  return {std::make_shared<const std::string>(std::move(source)), 0, 0};
}

void mark(Node& node, const Place& place) {
  node.verbatim = true;
  node.place = place;
  for (Node& item : node.items) mark(item, place);
  for (Node::Entry& entry : node.entries) {
    entry.place = place;
    mark(entry.node, place);
  }
}

/// The models that a rule is for.
std::pair<std::string, std::string> models_of(const Node& rule) {
  std::pair<std::string, std::string> models(text(rule, "type"), text(rule, "pattern"));
  if (models.first == "prefix" && models.second.ends_with('*')) models.second.pop_back();
  return models;
}

class Merger {
 public:
  Merger(Node& root, const Surroundings& surroundings, Problems& problems)
      : root_(root), surroundings_(surroundings), problems_(problems) {
    for (const Node& provider : at(root, "providers").items) {
      names_.insert(text(provider, "name"));
      if (flag(provider, "default") && flag(provider, "enabled")) {
        defaults_.insert(dialect_of_type(text(provider, "type")));
      }
    }
    for (const Node& group : at(root, "routing.groups").items) names_.insert(text(group, "name"));
    for (const Node& rule : at(root, "routing.rules").items) rules_.insert(models_of(rule));
  }

  Merged add(const Addition& addition) {
    Node node = read_yaml(addition.json, addition.label, problems_);
    node.place = from(addition.label);
    for (Node::Entry& entry : node.entries) {
      entry.place = from(addition.label + ": " + entry.key);
      mark(entry.node, entry.place);
    }
    Node& list = list_of(addition.kind);
    check_part(shape_of(addition.kind), node, "", surroundings_, problems_);
    Merged merged;
    if (addition.kind == Addition::Kind::kRule) {
      merged.shadowed = rules_.contains(models_of(node));
    } else {
      merged.shadowed = names_.contains(text(node, "name"));
    }
    if (merged.shadowed) return merged;
    if (addition.kind == Addition::Kind::kProvider) merged.default_lost = lose_default(node);
    list.items.push_back(std::move(node));
    return merged;
  }

 private:
  Node& list_of(Addition::Kind kind) {
    if (kind == Addition::Kind::kProvider) return list_in(root_, "providers");
    Node& routing = *root_.find("routing");
    return list_in(routing, kind == Addition::Kind::kGroup ? "groups" : "rules");
  }

  static Node& list_in(Node& map, std::string_view key) {
    Node& list = *map.find(key);
    list.kind = Node::Kind::kList;
    return list;
  }

  static const Shape& shape_of(Addition::Kind kind) {
    if (kind == Addition::Kind::kProvider) return root_shape().find("providers")->element.front();
    const Shape& routing = *root_shape().find("routing");
    return routing.find(kind == Addition::Kind::kGroup ? "groups" : "rules")->element.front();
  }

  bool lose_default(Node& provider) {
    if (!flag(provider, "default") || !flag(provider, "enabled")) return false;
    if (!defaults_.contains(dialect_of_type(text(provider, "type")))) return false;
    provider.find("default")->value = false;
    return true;
  }

  Node& root_;
  const Surroundings& surroundings_;
  Problems& problems_;
  std::set<std::string> names_;
  std::set<std::pair<std::string, std::string>> rules_;
  std::set<std::string_view> defaults_;  // dialects
};

}  // namespace

std::vector<Merged> merge(Node& root, std::span<const Addition> additions,
                          const Surroundings& surroundings, Problems& problems) {
  Merger merger(root, surroundings, problems);
  std::vector<Merged> merged;
  merged.reserve(additions.size());
  for (const Addition& addition : additions) merged.push_back(merger.add(addition));
  return merged;
}

}  // namespace sluice::config
