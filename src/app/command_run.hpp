// What becomes of an administrative command once its line is read.
#pragma once

#include <string>
#include <string_view>

#include "admin/client.hpp"
#include "app/command_line.hpp"
#include "app/config_options.hpp"

namespace sluice::app {

/// What every administrative command takes.
struct Shared {
  ConfigOptions config;
  bool json = false;
  bool csv = false;  // of lists
};

/// Asks whoever answers for the configured data_dir, prints the answer and returns the exit
/// status: 0, 1 with what the gateway said, 2 for wrong usage.
int run(const Command& command, const CommandLine& line, const Shared& shared);

/// What a command asks that is more than its route; the exit status.
struct Asking {
  admin::Question question;
  bool needs_gateway = false;
  std::string (*human)(json::Value answer) = nullptr;  // absent: all members
};
int run(const Asking& asking, const Shared& shared);

/// To stdout.
void print(std::string_view text);

}  // namespace sluice::app
