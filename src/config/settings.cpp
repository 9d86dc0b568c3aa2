#include "config/settings.hpp"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "base/secret.hpp"
#include "config/options.hpp"

namespace sluice::config {

namespace {

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  out += '"';
}

class Collector {
 public:
  explicit Collector(std::string_view file) : file_(file) {}

  void collect(const Shape& shape, const Node& node, const std::string& path) {
    switch (shape.kind) {
      case Shape::Kind::kLeaf:
        return leaf(shape, node, path);
      case Shape::Kind::kList:
        for (size_t i = 0; i < node.items.size(); ++i) {
          collect(shape.element.front(), node.items[i], fmt::format("{}.{}", path, i));
        }
        return;
      case Shape::Kind::kMap:
        break;
    }
    for (const Shape::Key& key : shape.keys) {
      const Node* below = node.find(key.name);
      if (below == nullptr) continue;
      collect(key.shape, *below,
              path.empty() ? std::string(key.name) : fmt::format("{}.{}", path, key.name));
    }
    if (shape.element.empty()) return;
    for (const Node::Entry& entry : node.entries) {
      if (shape.find(entry.key) != nullptr) continue;
      collect(shape.element.front(), entry.node, fmt::format("{}.{}", path, entry.key));
    }
  }

  std::vector<Setting> take() { return std::move(settings_); }

 private:
  void leaf(const Shape& shape, const Node& node, const std::string& path) {
    Setting setting;
    setting.name = path;
    // The values of free keys are headers, which may hold credentials.
    setting.secret =
        shape.option->type == Type::kSecret || shape.option->name.ends_with("headers.*");
    setting.needs_restart = shape.option->change == Change::kRestart;
    setting.value = setting.secret ? masked(node) : value_of(*shape.option, node);
    setting.source = source_of(node);
    if (setting.source != Setting::Source::kDefault) setting.place = node.place.line_text();
    if (setting.source == Setting::Source::kFile) setting.line = node.place.line;
    settings_.push_back(std::move(setting));
  }

  static std::string masked(const Node& node) {
    const auto* value = std::get_if<std::string>(&node.value);
    if (value == nullptr) return "null";
    std::string out;
    append_json_string(out, value->empty() ? std::string() : Secret(*value).redacted());
    return out;
  }

  static std::string value_of(const Option& option, const Node& node) {
    std::string out;
    if (const auto* truth = std::get_if<bool>(&node.value)) return *truth ? "true" : "false";
    if (const auto* number = std::get_if<double>(&node.value)) return fmt::format("{}", *number);
    if (const auto* number = std::get_if<int64_t>(&node.value)) {
      const bool plain = option.type == Type::kInteger || node.text.contains('$');
      if (plain || node.text.empty()) return fmt::format("{}", *number);
      append_json_string(out, node.text);  // with its unit
      return out;
    }
    if (const auto* value = std::get_if<std::string>(&node.value)) {
      append_json_string(out, *value);
      return out;
    }
    return "null";
  }

  Setting::Source source_of(const Node& node) const {
    if (node.standard || !node.place.source) return Setting::Source::kDefault;
    const std::string_view source = *node.place.source;
    if (source == file_) return Setting::Source::kFile;
    if (source.starts_with("environment variable ")) return Setting::Source::kEnvironment;
    if (source.starts_with("--set")) return Setting::Source::kCommandLine;
    return Setting::Source::kDatabase;
  }

  std::string_view file_;
  std::vector<Setting> settings_;
};

}  // namespace

Result<std::vector<Setting>> settings_of(const Document& document, const LoadOptions& options,
                                         std::span<const Addition> additions) {
  Problems problems;
  const Node root = read_tree(document, options, additions, problems);
  if (problems.any()) return fail(ErrorCode::kConfig, problems.text());
  Collector collector(document.name);
  collector.collect(root_shape(), root, "");
  return collector.take();
}

}  // namespace sluice::config
