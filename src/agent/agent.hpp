// `sluice agent`: tells gateways what an inference engine beside it has free.
#pragma once

#include "agent/options.hpp"

namespace sluice::agent {

/// The subcommand: runs until SIGTERM or SIGINT, tells every gateway that the worker drains, and
/// returns the exit status: 2 for options that cannot be, 1 when --once did not reach every
/// gateway. Call it before other threads are started: it blocks both signals for the process.
int run(const Options& options);

}  // namespace sluice::agent
