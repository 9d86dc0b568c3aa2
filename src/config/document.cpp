#include "config/document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <span>
#include <sstream>
#include <tuple>

namespace sluice::config {

std::string Place::line_text() const {
  if (!source) return "built-in";
  return line == 0 ? *source : fmt::format("{}:{}", *source, line);
}

std::string Place::text() const {
  return line == 0 ? line_text() : fmt::format("{}:{}", line_text(), column);
}

Node Node::of(Kind kind, Place place) {
  Node node;
  node.kind = kind;
  node.place = std::move(place);
  return node;
}

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.node;
  }
  return nullptr;
}

Node* Node::find(std::string_view key) { return const_cast<Node*>(std::as_const(*this).find(key)); }

void Problems::error(const Place& place, std::string what) {
  errors_.push_back({place, std::move(what)});
}

std::string Problems::text() const {
  constexpr size_t kShown = 100;
  std::vector<const Entry*> sorted;
  for (const Entry& entry : errors_) sorted.push_back(&entry);
  std::ranges::sort(sorted, {}, [](const Entry* entry) {
    return std::tuple(entry->place.line == 0, entry->place.line, entry->place.column, entry);
  });
  std::string text;
  for (const Entry* entry : std::span(sorted).first(std::min(sorted.size(), kShown))) {
    if (!text.empty()) text += '\n';
    text += entry->place.text() + ": " + entry->what;
  }
  if (sorted.size() > kShown) text += fmt::format("\nand {} more", sorted.size() - kShown);
  return text;
}

namespace {

/// Ends the scan from inside yaml-cpp's callbacks; never leaves this file.
struct Stop {
  Place place;
  std::string what;
};

/// Offset of the first byte that is not UTF-8 (overlong forms, surrogates and NUL included).
std::optional<size_t> first_bad_byte(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead == 0) return i;
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || text.size() - i < length) return i;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return i;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90)) {
      return i;
    }
    i += length;
  }
  return std::nullopt;
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(std::shared_ptr<const std::string> source, Problems& problems)
      : source_(std::move(source)), problems_(problems) {}

  Node take_root() { return std::move(root_); }

  Place place(const YAML::Mark& mark) const {
    return mark.is_null() ? Place{source_, 0, 0} : Place{source_, mark.line + 1, mark.column + 1};
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.place = place(mark);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (anchor >= anchored_.size() || !anchored_[anchor]) {
      throw Stop{place(mark), "an alias inside of what it stands for"};
    }
    Node copy = *anchored_[anchor];
    count(copy, place(mark));
    add(std::move(copy), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (tag != "?" && tag != "!") refuse_tag(mark, tag);
    Node node;
    node.kind = Node::Kind::kScalar;
    node.place = place(mark);
    node.text = value;
    node.quoted = tag == "!";
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::kList, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::kMap, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key;  // of a map, once read, until its value is there
  };

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    problems_.error(place(mark), fmt::format("the tag {} is not supported", tag));
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    if (tag != "?" && tag != "!" && !tag.empty()) refuse_tag(mark, tag);
    if (stack_.size() >= kMaxDepth) throw Stop{place(mark), "nested too deeply"};
    Open& top = stack_.emplace_back();
    top.node.kind = kind;
    top.node.place = place(mark);
    top.anchor = anchor;
  }

  void close() {
    Open top = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(top.node), top.anchor);
  }

  void charge(const Node& node, const Place& where) {
    text_bytes_ += node.text.size();
    if (++nodes_ > kMaxNodes || text_bytes_ > kMaxTextBytes) {
      throw Stop{where, "the document is too large (aliases count as what they stand for)"};
    }
  }

  void count(const Node& node, const Place& where) {
    charge(node, where);
    for (const Node& item : node.items) count(item, where);
    for (const Node::Entry& entry : node.entries) count(entry.node, where);
  }

  void add(Node node, YAML::anchor_t anchor) {
    charge(node, node.place);
    if (anchor != 0) {
      if (anchor >= anchored_.size()) anchored_.resize(anchor + 1);
      count(node, node.place);
      anchored_[anchor] = node;
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& top = stack_.back();
    if (top.node.kind == Node::Kind::kList) {
      top.node.items.push_back(std::move(node));
    } else if (!top.key) {
      top.key = std::move(node);
    } else {
      const Node key = std::move(*std::exchange(top.key, std::nullopt));
      put(top.node, key, std::move(node));
    }
  }

  void put(Node& map, const Node& key, Node node) {
    if (key.kind != Node::Kind::kScalar) {
      problems_.error(key.place, "a key must be plain text");
      return;
    }
    for (const Node::Entry& entry : map.entries) {
      if (entry.key != key.text) continue;
      problems_.error(key.place, fmt::format("duplicate key \"{}\" (first on line {})", key.text,
                                             entry.place.line));
      return;
    }
    if (map.entries.size() == kMaxKeys) throw Stop{key.place, "too many keys in one section"};
    map.entries.push_back({key.text, key.place, std::move(node)});
  }

  std::shared_ptr<const std::string> source_;
  Problems& problems_;
  Node root_;
  std::vector<Open> stack_;
  std::vector<std::optional<Node>> anchored_;
  size_t nodes_ = 0;
  size_t text_bytes_ = 0;
};

}  // namespace

Node read_yaml(std::string_view text, std::string_view source, Problems& problems) {
  const auto shared_source = std::make_shared<const std::string>(source);
  if (text.size() > kMaxFileBytes) {
    problems.error({shared_source, 0, 0}, "larger than 1 MiB");
    return {};
  }
  if (const auto bad = first_bad_byte(text)) {
    const std::string_view before = text.substr(0, *bad);
    const int line = static_cast<int>(std::ranges::count(before, '\n')) + 1;
    const int column = static_cast<int>(*bad - (before.rfind('\n') + 1)) + 1;
    problems.error({shared_source, line, column}, "not valid UTF-8");
    return {};
  }
  Builder builder(shared_source, problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    Problems ignored;
    Builder rest(shared_source, ignored);
    if (parser.HandleNextDocument(rest)) {
      problems.error({shared_source, 0, 0}, "more than one YAML document");
    }
  } catch (const Stop& stop) {
    problems.error(stop.place, stop.what);
    return {};
  } catch (const YAML::Exception& error) {
    problems.error(builder.place(error.mark), "bad YAML: " + error.msg);
    return {};
  } catch (const std::exception& error) {
    problems.error({shared_source, 0, 0}, std::string("bad YAML: ") + error.what());
    return {};
  }
  Node root = builder.take_root();
  if (!root.place.source) root.place.source = shared_source;
  return root;
}

}  // namespace sluice::config
