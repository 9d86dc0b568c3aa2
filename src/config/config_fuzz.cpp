// Whatever a file holds, reading it ends, and ends in a configuration or in an error with text.
#include <cstdlib>
#include <string_view>

#include "config/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sluice::config::LoadOptions options;
  options.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "SET") return "value: [x";
    if (name == "EMPTY") return "";
    return std::nullopt;
  };
  options.read_file = [](const std::string& path) -> sluice::Result<std::string> {
    if (path == "f") return "one\ntwo\n";
    return sluice::fail(sluice::ErrorCode::kIo, "no such file");
  };
  std::string_view text(reinterpret_cast<const char*>(data), size);
  // After a NUL, if there is one: settings of the command line, one a line.
  const size_t nul = text.find('\0');
  std::string_view settings = nul == std::string_view::npos ? "" : text.substr(nul + 1);
  while (!settings.empty() && options.set.size() < 16) {
    const size_t end = settings.find('\n');
    options.set.emplace_back(settings.substr(0, end));
    settings = end == std::string_view::npos ? "" : settings.substr(end + 1);
  }
  const auto config = sluice::config::load_text(text.substr(0, nul), "fuzz.yaml", options);
  if (!config && config.error().message.empty()) std::abort();
  return 0;
}
