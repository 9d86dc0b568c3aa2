#include "config/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/money.hpp"
#include "base/text.hpp"
#include "http/url.hpp"

namespace sluice::config {

namespace {

bool within(const Option& option, double value) {
  return option.min == option.max || (value >= option.min && value <= option.max);
}

std::optional<Value> whole(const Option& option, std::optional<int64_t> value, double unit = 1) {
  if (!value || !within(option, static_cast<double>(*value) / unit)) return std::nullopt;
  return Value(*value);
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view best = nearest(word.substr(0, 64), candidates);
  return best.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", best);
}

/// What a message may show of a value.
std::string shown(const Option& option, std::string_view text) {
  const bool has_login = option.type == Type::kUrl && text.contains('@');
  if (option.type == Type::kSecret || has_login) return {};
  constexpr size_t kShown = 60;
  std::string out(text.substr(0, kShown));
  for (char& c : out) {
    if ((c >= 0 && c < 0x20) || c == 0x7F) c = '?';
  }
  while (text.size() > kShown && !out.empty() && (out.back() & 0x80) != 0) out.pop_back();
  return fmt::format(", not \"{}{}\"", out, text.size() > kShown ? "..." : "");
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      break;
  }
  return "a section";
}

class Checker {
 public:
  Checker(const Surroundings& surroundings, Problems& problems)
      : surroundings_(surroundings), problems_(problems) {}

  void check(const Shape& shape, Node& node, const std::string& path) {
    switch (shape.kind) {
      case Shape::Kind::kLeaf:
        return check_leaf(*shape.option, node, path);
      case Shape::Kind::kList:
        return check_list(shape, node, path);
      case Shape::Kind::kMap:
        return check_map(shape, node, path);
    }
  }

  void report_idle() {
    for (const Idle& idle : idle_) {
      std::string name(idle.option->name);
      for (size_t at; (at = name.find("[]")) != std::string::npos;) name.erase(at, 2);
      const std::string others =
          idle.places > 1 ? fmt::format(" and {} more", idle.places - 1) : std::string();
      problems_.warn(fmt::format("{}: accepted, but has no effect in this version ({}{})", name,
                                 idle.first.line_text(), others));
    }
  }

 private:
  struct Idle {
    const Option* option;
    Place first;
    int places;
  };

  void note_idle(const Option& option, const Place& place) {
    for (Idle& idle : idle_) {
      if (idle.option == &option) {
        ++idle.places;
        return;
      }
    }
    idle_.push_back({&option, place, 1});
  }

  void wrong(Node& node, std::string what) {
    problems_.error(node.place, std::move(what));
    node.bad = true;
  }

  static void empty(Node& node, Node::Kind kind) {
    node = Node::of(kind, node.place);
    node.bad = true;
  }

  void check_leaf(const Option& option, Node& node, const std::string& path) {
    if (node.is_null()) {
      if (option.required) wrong(node, fmt::format("{} is required", path));
      set_default(option, node);
      return;
    }
    if (node.kind != Node::Kind::kScalar) {
      wrong(node, fmt::format("{} must be {}, not {}", path, expectation(option), kind_name(node)));
      set_default(option, node);
      return;
    }
    bool quoted = node.quoted;
    // Messages show a reference and not what it stands for: that may be a secret gone astray.
    const std::string written = node.text;
    if (!node.verbatim && node.text.find('$') != std::string::npos) {
      Result<std::string> text = expand(node.text, surroundings_.environment);
      if (!text) {
        wrong(node, fmt::format("{}: {}", path, text.error().message));
        set_default(option, node);
        return;
      }
      quoted = quoted && *text == node.text;
      node.text = std::move(*text);
    }
    std::optional<Value> value = parse_value(option, node.text);
    const bool text_only = quoted && (option.type == Type::kBool || option.type == Type::kInteger ||
                                      option.type == Type::kNumber);
    if (!value || text_only) {
      wrong(node, fmt::format("{} must be {}{}{}", path, expectation(option),
                              shown(option, written), hint(option, node, value.has_value())));
      set_default(option, node);
      return;
    }
    node.value = std::move(*value);
    if (option.required && node.text.empty()) {
      wrong(node, fmt::format("{} must not be empty", path));
    }
    if (!option.effective && quiet_ == 0 && !is_default(option, node)) {
      note_idle(option, node.place);
    }
  }

  static std::string hint(const Option& option, const Node& node, bool fits_unquoted) {
    if (fits_unquoted) return " in quotes";
    if (option.type == Type::kChoice) return did_you_mean(node.text, choices_of(option));
    if (option.type == Type::kDuration && parse_integer(node.text)) return "; the unit is missing";
    return {};
  }

  static bool is_default(const Option& option, const Node& node) {
    if (!option.standard) return false;
    return parse_value(option, *option.standard) == node.value;
  }

  static void set_default(const Option& option, Node& node) {
    node.standard = node.standard || node.is_null();
    if (option.standard) {
      node.kind = Node::Kind::kScalar;
      node.text = std::string(*option.standard);
      if (auto value = parse_value(option, node.text)) node.value = std::move(*value);
    } else {
      node.kind = Node::Kind::kNull;
      node.text.clear();
    }
  }

  /// True when the section as a whole has no effect and its parts need not say so too.
  bool enter(const Shape& shape, const Node& node) {
    const bool idle = shape.option != nullptr && !shape.option->effective;
    if (idle && quiet_ == 0 && (!node.items.empty() || !node.entries.empty())) {
      note_idle(*shape.option, node.place);
    }
    if (idle) ++quiet_;
    return idle;
  }

  void check_list(const Shape& shape, Node& node, const std::string& path) {
    if (node.is_null()) node.kind = Node::Kind::kList;
    if (node.kind != Node::Kind::kList) {
      wrong(node, fmt::format("{} must be a list, not {}", path, kind_name(node)));
      empty(node, Node::Kind::kList);
      return;
    }
    const Option* option = shape.option;
    if (option != nullptr && option->required && node.items.empty()) {
      wrong(node, fmt::format("{} must name at least one", path));
    }
    const bool idle = enter(shape, node);
    for (size_t i = 0; i < node.items.size(); ++i) {
      Node& item = node.items[i];
      const std::string item_path = fmt::format("{}.{}", path, i);
      if (option != nullptr && !option->shorthand.empty() && item.kind == Node::Kind::kScalar) {
        Node map = Node::of(Node::Kind::kMap, item.place);
        map.entries.push_back({std::string(option->shorthand), item.place, std::move(item)});
        item = std::move(map);
      }
      if (item.is_null()) {
        wrong(item, fmt::format("{} is empty", item_path));
        continue;
      }
      check(shape.element.front(), item, item_path);
    }
    if (idle) --quiet_;
  }

  void check_map(const Shape& shape, Node& node, const std::string& path) {
    if (node.is_null()) node.kind = Node::Kind::kMap;
    if (node.kind != Node::Kind::kMap) {
      wrong(node, fmt::format("{} must be a section with keys, not {}",
                              path.empty() ? "the document" : path, kind_name(node)));
      empty(node, Node::Kind::kMap);
    }
    read_secret_files(shape, node, path);
    const bool idle = enter(shape, node);
    for (Node::Entry& entry : node.entries) {
      const std::string entry_path = path.empty() ? entry.key : path + "." + entry.key;
      if (const Shape* found = shape.find(entry.key)) {
        check(*found, entry.node, entry_path);
      } else {
        unknown(shape, entry, path);
      }
    }
    for (const Shape::Key& key : shape.keys) {
      if (node.find(key.name) != nullptr) continue;
      const std::string entry_path =
          path.empty() ? std::string(key.name) : fmt::format("{}.{}", path, key.name);
      Node missing;
      missing.place = node.place;
      missing.standard = true;
      check(key.shape, missing, entry_path);
      node.entries.push_back({std::string(key.name), node.place, std::move(missing)});
    }
    if (idle) --quiet_;
  }

  void unknown(const Shape& shape, const Node::Entry& entry, const std::string& path) {
    std::vector<std::string_view> known;
    for (const Shape::Key& key : shape.keys) known.push_back(key.name);
    std::string hint = did_you_mean(entry.key, known);
    if (hint.empty()) hint = fmt::format("; known are {}", fmt::join(known, ", "));
    const std::string where = path.empty() ? std::string() : " in " + path;
    constexpr size_t kShown = 60;
    problems_.error(entry.place, fmt::format("unknown key \"{}\"{}{}", entry.key.substr(0, kShown),
                                             where, hint));
  }

  /// Turns `token_file: PATH` into `token: CONTENT`.
  void read_secret_files(const Shape& shape, Node& node, const std::string& path) {
    std::vector<Node::Entry> files;
    std::vector<Node::Entry> others;
    for (Node::Entry& entry : node.entries) {
      const bool is_file = shape.find_secret_of_file(entry.key) != nullptr;
      (is_file ? files : others).push_back(std::move(entry));
    }
    node.entries = std::move(others);
    for (Node::Entry& file : files) {
      if (file.node.is_null()) continue;
      const std::string file_path = path.empty() ? file.key : path + "." + file.key;
      const std::string key = file.key.substr(0, file.key.size() - 5);
      if (const Node* both = node.find(key); both != nullptr && !both->is_null()) {
        problems_.error(file.place, fmt::format("both {} and {} are given", key, file.key));
        continue;
      }
      std::erase_if(node.entries, [&](const Node::Entry& other) { return other.key == key; });
      const Shape& secret = *shape.find_secret_of_file(file.key);
      node.entries.push_back({key, file.place, read_secret(secret, file.node, file_path)});
    }
  }

  Node read_secret(const Shape& shape, Node& file, const std::string& path) {
    static constexpr Option kPath{.name = "", .type = Type::kText, .help = "", .required = true};
    quiet_++;
    check_leaf(kPath, file, path);
    quiet_--;
    Node secret = Node::of(Node::Kind::kScalar, file.place);
    if (file.bad) return failed_secret(shape, std::move(secret));
    Result<std::string> content = surroundings_.read_file(file.text);
    if (!content) {
      problems_.error(file.place, fmt::format("{}: cannot read \"{}\": {}", path, file.text,
                                              content.error().message));
      return failed_secret(shape, std::move(secret));
    }
    secret.verbatim = secret.quoted = true;
    std::string_view rest = *content;
    if (shape.kind != Shape::Kind::kList) {
      while (rest.ends_with('\n') || rest.ends_with('\r')) rest.remove_suffix(1);
      secret.text = rest;
      return secret;
    }
    secret.kind = Node::Kind::kList;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (trim(line).empty()) continue;
      Node item = Node::of(Node::Kind::kScalar, file.place);
      item.verbatim = item.quoted = true;
      item.text = trim(line);
      secret.items.push_back(std::move(item));
    }
    return secret;
  }

  /// Stands in for a secret that could not be read, so that nothing else complains of it.
  static Node failed_secret(const Shape& shape, Node node) {
    node.bad = true;
    node.kind = shape.kind == Shape::Kind::kList ? Node::Kind::kList : Node::Kind::kScalar;
    node.text = "unreadable";
    node.quoted = node.verbatim = true;
    return node;
  }

  const Surroundings& surroundings_;
  Problems& problems_;
  std::vector<Idle> idle_;
  int quiet_ = 0;  // inside of a section that has said it has no effect
};

}  // namespace

std::optional<Value> parse_value(const Option& option, std::string_view text) {
  switch (option.type) {
    case Type::kBool:
      if (const auto value = parse_bool(text)) return Value(*value);
      return std::nullopt;
    case Type::kInteger:
      return whole(option, parse_integer(text));
    case Type::kMoney:
      // Never through a floating-point number: a price is exact.
      if (const auto amount = parse_money(text); amount && !text.starts_with('-')) {
        return whole(option, amount->nanos, static_cast<double>(kNanosPerUsd));
      }
      return std::nullopt;
    case Type::kNumber:
      if (const auto value = parse_number(text); value && within(option, *value)) {
        return Value(*value);
      }
      return std::nullopt;
    case Type::kDuration:
      if (const auto value = parse_duration(text)) {
        return whole(option, value->count(), 1e9);
      }
      return std::nullopt;
    case Type::kSize:
      if (const auto value = parse_size(text)) return whole(option, static_cast<int64_t>(*value));
      return std::nullopt;
    case Type::kTime:
      return whole(option, parse_time(text));
    case Type::kChoice: {
      const auto choices = choices_of(option);
      if (std::ranges::find(choices, text) == choices.end()) return std::nullopt;
      break;
    }
    case Type::kUrl:
      if (!http::parse_url(text)) return std::nullopt;
      break;
    case Type::kNetwork:
      if (!is_network(text)) return std::nullopt;
      break;
    case Type::kText:
    case Type::kSecret:
      if (has_control(text)) return std::nullopt;
      break;
    case Type::kAny:
    case Type::kSection:
      break;
  }
  return Value(std::string(text));
}

void check(Node& root, const Surroundings& surroundings, Problems& problems) {
  Checker checker(surroundings, problems);
  checker.check(root_shape(), root, "");
  checker.report_idle();
}

void check_part(const Shape& shape, Node& node, const std::string& path,
                const Surroundings& surroundings, Problems& problems) {
  Checker checker(surroundings, problems);
  checker.check(shape, node, path);
  checker.report_idle();
}

}  // namespace sluice::config
