// Access to the checked values of a document.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "config/document.hpp"

namespace sluice::config {

/// The node at a dotted path below `node`; an empty node when something on the way is missing.
inline const Node& at(const Node& node, std::string_view path) {
  static const Node kNothing;
  const Node* found = &node;
  while (found != nullptr && !path.empty()) {
    const size_t dot = path.find('.');
    found = found->find(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
  }
  return found == nullptr ? kNothing : *found;
}

/// The value as T, or a T of nothing where check() has reported the option.
template <typename T>
T get(const Node& node, std::string_view path) {
  const T* value = std::get_if<T>(&at(node, path).value);
  return value == nullptr ? T{} : *value;
}

inline std::string text(const Node& node, std::string_view path) {
  return get<std::string>(node, path);
}
inline bool flag(const Node& node, std::string_view path) { return get<bool>(node, path); }
inline int integer(const Node& node, std::string_view path) {
  return static_cast<int>(get<int64_t>(node, path));
}
inline Duration duration(const Node& node, std::string_view path) {
  return Duration(get<int64_t>(node, path));
}

inline std::vector<std::string> texts(const Node& node, std::string_view path) {
  std::vector<std::string> all;
  for (const Node& item : at(node, path).items) {
    if (const auto* value = std::get_if<std::string>(&item.value)) all.push_back(*value);
  }
  return all;
}

}  // namespace sluice::config
