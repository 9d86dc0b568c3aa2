#include "config/load.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "config/bind.hpp"
#include "config/older_names.hpp"
#include "config/override.hpp"

namespace sluice::config {

namespace {

/// Without any file: providers for the keys that are in the environment, unless the command line
/// has its own.
std::string built_in(const LoadOptions& options) {
  const Lookup& environment = options.environment;
  for (const std::string& setting : options.set) {
    if (setting.starts_with("providers")) return {};
  }
  std::string yaml;
  const auto add = [&](std::string_view variable, std::string_view provider,
                       std::string_view is_default = "true") {
    if (environment(variable).value_or("").empty()) return;
    if (yaml.empty()) yaml = "providers:\n";
    yaml +=
        fmt::format("  - {{ name: {0}-main, type: {0}, default: {2}, api_keys: [\"${{{1}}}\"] }}\n",
                    provider, variable, is_default);
  };
  add("OPENAI_API_KEY", "openai");
  add("ANTHROPIC_API_KEY", "anthropic");
  add("GEMINI_API_KEY", "gemini");
  // Of OpenAI's dialect, which has one default.
  add(kUpstreamToken, "zai", environment("OPENAI_API_KEY").value_or("").empty() ? "true" : "false");
  return yaml;
}

}  // namespace

std::optional<std::string> process_environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

Result<std::string> read_regular_file(const std::string& path) {
  const auto failed = [] { return fail(ErrorCode::kIo, std::strerror(errno)); };
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed();
  struct stat status{};
  std::string content;
  Result<std::string> result;
  if (fstat(fd, &status) != 0) {
    result = failed();
  } else if (!S_ISREG(status.st_mode)) {
    result = fail(ErrorCode::kIo, "not a regular file");
  } else {
    content.resize(kMaxFileBytes + 1);
    size_t size = 0;
    ssize_t n = 0;
    while (size < content.size() &&
           (n = read(fd, content.data() + size, content.size() - size)) > 0) {
      size += static_cast<size_t>(n);
    }
    content.resize(size);
    if (n < 0) {
      result = failed();
    } else if (size > kMaxFileBytes) {
      result = fail(ErrorCode::kIo, "larger than 1 MiB");
    } else {
      result = std::move(content);
    }
  }
  close(fd);
  return result;
}

Result<Document> read_document(const LoadOptions& options) {
  const bool exists = options.file || access(options.default_file.c_str(), F_OK) == 0;
  if (!exists) return Document{.yaml = built_in(options), .name = "built-in configuration"};
  const std::string& path = options.file ? *options.file : options.default_file;
  Result<std::string> text = options.read_file(path);
  if (!text) return fail(ErrorCode::kConfig, fmt::format("{}: {}", path, text.error().message));
  return Document{.yaml = std::move(*text), .name = path};
}

Node read_tree(const Document& document, const LoadOptions& options,
               std::span<const Addition> additions, Problems& problems,
               std::vector<Merged>* merged) {
  Node root = read_yaml(document.yaml, document.name, problems);
  apply_older_names(root, options.environment, problems);
  apply_environment(root, options.environment, problems);
  apply_settings(root, options.set, problems);
  const Surroundings surroundings{options.environment, options.read_file};
  check(root, surroundings, problems);
  if (additions.empty()) return root;
  auto done = merge(root, additions, surroundings, problems);
  if (merged != nullptr) *merged = std::move(done);
  return root;
}

Result<Loaded> load_merged(const Document& document, const LoadOptions& options,
                           std::span<const Addition> additions, std::vector<Fault>* faults) {
  Problems problems;
  Loaded loaded;
  const Node root = read_tree(document, options, additions, problems, &loaded.merged);
  loaded.config = bind(root, {options.environment, options.read_file}, problems);
  if (faults != nullptr) {
    for (const Problems::Entry& each : problems.errors()) {
      faults->push_back({each.place.source ? *each.place.source : std::string(), each.what});
    }
  }
  if (problems.any()) return fail(ErrorCode::kConfig, problems.text());
  loaded.config.warnings = problems.take_warnings();
  return loaded;
}

Result<Config> load_text(std::string_view yaml, std::string_view name, const LoadOptions& options) {
  auto loaded = load_merged({std::string(yaml), std::string(name)}, options, {});
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return std::move(loaded->config);
}

Result<Config> load(const LoadOptions& options) {
  const Result<Document> document = read_document(options);
  if (!document) return std::unexpected(document.error());
  return load_text(document->yaml, document->name, options);
}

}  // namespace sluice::config
