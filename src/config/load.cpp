#include "config/load.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "config/bind.hpp"
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

Result<Config> finish(Node root, const LoadOptions& options, Problems& problems) {
  apply_environment(root, options.environment, problems);
  apply_settings(root, options.set, problems);
  const Surroundings surroundings{options.environment, options.read_file};
  check(root, surroundings, problems);
  Config config = bind(root, surroundings, problems);
  if (problems.any()) return fail(ErrorCode::kConfig, problems.text());
  config.warnings = problems.take_warnings();
  return config;
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

Result<Config> load_text(std::string_view yaml, std::string_view name, const LoadOptions& options) {
  Problems problems;
  Node root = read_yaml(yaml, name, problems);
  return finish(std::move(root), options, problems);
}

Result<Config> load(const LoadOptions& options) {
  const bool exists = options.file || access(options.default_file.c_str(), F_OK) == 0;
  if (!exists) {
    return load_text(built_in(options), "built-in configuration", options);
  }
  const std::string& path = options.file ? *options.file : options.default_file;
  Result<std::string> text = options.read_file(path);
  if (!text) return fail(ErrorCode::kConfig, fmt::format("{}: {}", path, text.error().message));
  return load_text(*text, path, options);
}

}  // namespace sluice::config
