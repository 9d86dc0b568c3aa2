#include "config/options.hpp"

#include <fmt/format.h>

namespace sluice::config {

namespace {

Shape& child(Shape& map, std::string_view name) {
  map.kind = Shape::Kind::kMap;
  for (Shape::Key& key : map.keys) {
    if (key.name == name) return key.shape;
  }
  return map.keys.emplace_back(Shape::Key{name, {}}).shape;
}

Shape& element(Shape& parent, Shape::Kind kind) {
  parent.kind = kind;
  if (parent.element.empty()) parent.element.emplace_back();
  return parent.element.front();
}

Shape build() {
  Shape root;
  root.kind = Shape::Kind::kMap;
  for (const Option& option : options()) {
    Shape* at = &root;
    Shape* owner = nullptr;  // the list, for "name[]"
    std::string_view rest = option.name;
    while (!rest.empty()) {
      const size_t dot = rest.find('.');
      std::string_view segment = rest.substr(0, dot);
      rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
      const bool list = segment.ends_with("[]");
      if (list) segment.remove_suffix(2);
      at = segment == "*" ? &element(*at, Shape::Kind::kMap) : &child(*at, segment);
      owner = list ? at : nullptr;
      if (list) at = &element(*at, Shape::Kind::kList);
    }
    if (owner != nullptr) owner->option = &option;
    if (owner == nullptr || option.type != Type::kSection) at->option = &option;
  }
  return root;
}

std::string plain(double number) { return fmt::format("{}", static_cast<int64_t>(number)); }

std::string duration_text(double seconds) {
  if (seconds >= 3600) return plain(seconds / 3600) + "h";
  if (seconds >= 1 || seconds == 0) return plain(seconds) + "s";
  return plain(seconds * 1000) + "ms";
}

std::string size_text(double bytes) {
  if (bytes >= 1 << 30) return plain(bytes / (1 << 30)) + "GiB";
  if (bytes >= 1 << 20) return plain(bytes / (1 << 20)) + "MiB";
  return plain(bytes) + (bytes == 1 ? " byte" : " bytes");
}

std::string range(const Option& option, std::string (*format)(double)) {
  if (option.min == option.max) return {};
  return " from " + format(option.min) + " to " + format(option.max);
}

}  // namespace

const Shape* Shape::find(std::string_view key) const {
  for (const Key& candidate : keys) {
    if (candidate.name == key) return &candidate.shape;
  }
  return kind == Kind::kMap && !element.empty() ? &element.front() : nullptr;
}

const Shape* Shape::find_secret_of_file(std::string_view key) const {
  if (!key.ends_with("_file")) return nullptr;
  key.remove_suffix(5);
  for (const Key& candidate : keys) {
    const Option* declared = candidate.shape.option;
    if (candidate.name == key && declared != nullptr && declared->type == Type::kSecret) {
      return &candidate.shape;
    }
  }
  return nullptr;
}

const Shape& root_shape() {
  static const Shape shape = build();
  return shape;
}

std::vector<std::string_view> choices_of(const Option& option) {
  std::vector<std::string_view> choices;
  std::string_view rest = option.choices;
  while (!rest.empty()) {
    const size_t bar = rest.find('|');
    choices.push_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
  }
  return choices;
}

std::string expectation(const Option& option) {
  switch (option.type) {
    case Type::kBool:
      return "true or false";
    case Type::kInteger:
      return "a whole number" + range(option, plain);
    case Type::kNumber:
      return "a number" + range(option, plain);
    case Type::kMoney:
      return "an amount such as 2.50, with at most nine decimals," + range(option, plain);
    case Type::kText:
    case Type::kSecret:
      return "one line of text";
    case Type::kChoice:
      return fmt::format("one of {}", fmt::join(choices_of(option), ", "));
    case Type::kDuration:
      return "a duration such as 5s, 250ms or 1h30m" + range(option, duration_text);
    case Type::kSize:
      return "a size such as 64KiB or 32MiB" + range(option, size_text);
    case Type::kUrl:
      return "a URL such as https://host/path";
    case Type::kNetwork:
      return "an address or a network such as 10.0.0.0/8";
    case Type::kTime:
      return "a time such as 2027-01-31T00:00:00Z";
    case Type::kAny:
      return "a value";
    case Type::kSection:
      break;
  }
  return "a section";
}

}  // namespace sluice::config
