// Reads the configuration: command line before environment before file before default.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/check.hpp"
#include "config/config.hpp"

namespace sluice::config {

/// The process's own environment.
std::optional<std::string> process_environment(std::string_view name);

/// The file system. Refuses what is no regular file and more than 1 MiB.
Result<std::string> read_regular_file(const std::string& path);

struct LoadOptions {
  /// Absent: `default_file` where it exists, else the built-in defaults.
  std::optional<std::string> file = {};
  /// "key=value", as after --set.
  std::vector<std::string> set = {};
  Lookup environment = process_environment;
  ReadFile read_file = read_regular_file;
  std::string default_file = "configs/gateway.yaml";
};

/// The whole configuration, or an Error kConfig whose message has one line for each thing that is
/// wrong: `file:line:column: what`. Blocks on files: for start, reload and `sluice check` only.
/// Any thread.
Result<Config> load(const LoadOptions& options);

/// The same for a document at hand; `name` stands for its file in messages.
Result<Config> load_text(std::string_view yaml, std::string_view name, const LoadOptions& options);

}  // namespace sluice::config
