// The command line of `sluice agent`.
#pragma once

#include "agent/options.hpp"

namespace CLI {
class App;
}

namespace sluice::agent {

/// Adds the options to a subcommand. `options` outlives the parsing, and holds the defaults
/// beforehand and what was asked for afterwards.
void add_options(CLI::App& app, Options& options);

}  // namespace sluice::agent
