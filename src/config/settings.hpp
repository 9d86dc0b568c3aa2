// Every option as it holds, and where its value comes from.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config/load.hpp"

namespace sluice::config {

struct Setting {
  enum class Source : uint8_t { kDefault, kFile, kEnvironment, kCommandLine, kDatabase };

  std::string name;   // dotted; elements of lists by number from 0
  std::string value;  // JSON; of a secret at most its first 6 characters
  bool secret = false;
  Source source = Source::kDefault;
  std::string place;  // "gateway.yaml:31", "environment variable PORT"; empty for a default
  int line = 0;       // in the file; 0: it stands elsewhere
  bool needs_restart = false;
};

/// In the order of the documentation, with what `additions` add. kConfig as load().
Result<std::vector<Setting>> settings_of(const Document& document, const LoadOptions& options,
                                         std::span<const Addition> additions = {});

}  // namespace sluice::config
