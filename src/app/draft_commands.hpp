// sluice route dry-run, apply: what another set of rules and groups would change, and that set put
// in force.
#pragma once

#include <string>

#include "app/command_run.hpp"

namespace CLI {
class App;
}

namespace sluice::app {

/// A draft is what `sluice route show --json` prints, edited.
class DraftCommands {
 public:
  // `app` must not outlive this.
  void add_dry_run(CLI::App& app);
  void add_apply(CLI::App& app);
  int dry_run(const Shared& shared) const;
  int apply(const Shared& shared) const;

 private:
  std::string file_, base_version_, from_, to_;
  int limit_ = 1000;
};

}  // namespace sluice::app
