// For the tests of this room: configurations from text, with an environment of their own.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/load.hpp"

namespace sluice::config {

inline Lookup environment(std::map<std::string, std::string, std::less<>> variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

inline Result<Config> parsed(std::string_view yaml,
                             std::map<std::string, std::string, std::less<>> variables = {},
                             std::vector<std::string> set = {}) {
  LoadOptions options;
  options.environment = environment(std::move(variables));
  options.set = std::move(set);
  return load_text(yaml, "test.yaml", options);
}

/// The message of the error, or "" when there is none.
inline std::string errors(std::string_view yaml,
                          std::map<std::string, std::string, std::less<>> variables = {},
                          std::vector<std::string> set = {}) {
  const auto config = parsed(yaml, std::move(variables), std::move(set));
  return config ? std::string() : config.error().message;
}

inline std::string warnings(std::string_view yaml) {
  const auto config = parsed(yaml);
  return config ? fmt::format("{}", fmt::join(config->warnings, "\n")) : config.error().message;
}

}  // namespace sluice::config
