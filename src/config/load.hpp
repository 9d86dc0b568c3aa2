// Reads the configuration: command line before environment before file before default.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/check.hpp"
#include "config/config.hpp"
#include "config/merge.hpp"

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

/// The configuration file as it was read.
struct Document {
  std::string yaml;
  std::string name;  // in messages
};
/// The file that load() reads, or what stands for it where there is none.
Result<Document> read_document(const LoadOptions& options);

/// What is wrong, and where.
struct Fault {
  std::string source;  // a file, or `label: field` of an addition
  std::string what;
};

struct Loaded {
  Config config;
  std::vector<Merged> merged;  // one for each addition
};
/// A document with what stands in the database. `faults`, if given, receives what is wrong.
Result<Loaded> load_merged(const Document& document, const LoadOptions& options,
                           std::span<const Addition> additions,
                           std::vector<Fault>* faults = nullptr);
/// The document as a checked tree, merged.
Node read_tree(const Document& document, const LoadOptions& options,
               std::span<const Addition> additions, Problems& problems,
               std::vector<Merged>* merged = nullptr);

}  // namespace sluice::config
