// What every subcommand with a configuration shares: --config, --set, and how faults are told.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "config/load.hpp"

namespace CLI {
class App;
}

namespace sluice::app {

/// Exit statuses: wrong usage or configuration, and everything else that goes wrong.
inline constexpr int kWrong = 2;
inline constexpr int kFailed = 1;

struct ConfigOptions {
  std::string file;
  std::vector<std::string> set;

  /// `command` must not outlive this.
  void add_to(CLI::App& command);
  config::LoadOptions load_options() const;
};

Result<config::ConfigPtr> load_config(const config::LoadOptions& options);

/// Prints the message to stderr; returns `status`.
int complain(const Error& error, int status = kWrong);

}  // namespace sluice::app
