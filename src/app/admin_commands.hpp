// sluice user, wallet, key, usage, price, route, backup, restore: administration from a shell.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace sluice::app {

class AdminCommands {
 public:
  /// Adds the subcommands to `cli`, which must not outlive this.
  explicit AdminCommands(CLI::App& cli);
  ~AdminCommands();
  AdminCommands(const AdminCommands&) = delete;
  AdminCommands& operator=(const AdminCommands&) = delete;

  /// After parsing: runs the one that was given and returns the exit status; nullopt when it was
  /// none of these.
  std::optional<int> run();

  /// What the command line says.
  struct Given;

 private:
  CLI::App& add(CLI::App& parent, const std::string& name, const std::string& help,
                std::function<int(const Given&)> run);
  void add_users(CLI::App& cli);
  void add_wallet(CLI::App& cli);
  void add_codes(CLI::App& wallet);
  void add_keys(CLI::App& cli);
  void add_usage(CLI::App& cli);
  void add_prices(CLI::App& cli);
  void add_route(CLI::App& cli);
  void add_copies(CLI::App& cli);

  std::unique_ptr<Given> given_;
  std::vector<std::pair<CLI::App*, std::function<int(const Given&)>>> commands_;
};

}  // namespace sluice::app
