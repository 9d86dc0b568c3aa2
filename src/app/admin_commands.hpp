// sluice user, key, wallet, provider and on: administration from a shell.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/command_run.hpp"

namespace CLI {
class App;
}

namespace sluice::app {

class DraftCommands;
class ExplainCommand;

class AdminCommands {
 public:
  /// Adds the subcommands to `cli`, which must not outlive this. What stands below them is added
  /// only to `topic`, the first word of the command line: there is so much of it that a gateway
  /// would start later.
  AdminCommands(CLI::App& cli, std::string_view topic);
  ~AdminCommands();
  AdminCommands(const AdminCommands&) = delete;
  AdminCommands& operator=(const AdminCommands&) = delete;

  /// After parsing: runs the one that was given and returns the exit status; nullopt when it was
  /// none of these.
  std::optional<int> run();

 private:
  /// The command that `words` name; made where it is not there yet.
  CLI::App& place(CLI::App& root, std::string_view words, const std::string& help);
  void add(CLI::App& root, const Command& command);
  void offer(CLI::App& app, const Command& command);
  CLI::App& add(CLI::App& root, std::string_view words, const std::string& help,
                std::function<int()> run);
  void add_routing(CLI::App& root);
  void add_copies(CLI::App& root);

  Shared shared_;
  std::unique_ptr<ExplainCommand> explain_;
  std::unique_ptr<DraftCommands> drafts_;
  std::string file_;
  std::vector<std::unique_ptr<CommandLine>> lines_;
  std::vector<std::pair<CLI::App*, std::function<int()>>> commands_;
};

}  // namespace sluice::app
