// `sluice bench`: puts load on a gateway or an upstream and tells what came back.
#pragma once

#include "load/options.hpp"

namespace sluice::load {

/// Runs to the end, or until SIGINT or SIGTERM, and prints the report on standard output; errors
/// go to standard error in one line. Returns the exit status: 0 when nothing failed, 1 when
/// requests failed, 2 when it could not be run.
int run(Options options);

}  // namespace sluice::load
