// sluice route explain: where a request would go, and why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/command_run.hpp"

namespace CLI {
class App;
}

namespace sluice::app {

/// Unlike other commands it leaves the database alone where no gateway runs, and goes by the
/// configuration.
class ExplainCommand {
 public:
  /// `app` must not outlive this.
  void add_to(CLI::App& app);
  int run(const Shared& shared) const;

 private:
  std::string question() const;

  std::string model_, route_, urgency_, key_;
  std::optional<int64_t> prompt_tokens_;
};

}  // namespace sluice::app
