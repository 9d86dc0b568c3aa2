#include "app/admin_commands.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "admin/client.hpp"
#include "app/admin_ask.hpp"
#include "app/table.hpp"

namespace sluice::app {

AdminCommands::AdminCommands(CLI::App& cli) : given_(std::make_unique<Given>()) {
  add_users(cli);
  add_wallet(cli);
  add_keys(cli);
  add_usage(cli);
  add_prices(cli);
  add_route(cli);
  add_copies(cli);
}

AdminCommands::~AdminCommands() = default;

std::optional<int> AdminCommands::run() {
  // A command that has commands of its own may be one itself: theirs stand behind it.
  for (auto each = commands_.rbegin(); each != commands_.rend(); ++each) {
    if (each->first->parsed()) return each->second(*given_);
  }
  return std::nullopt;
}

CLI::App& AdminCommands::add(CLI::App& parent, const std::string& name, const std::string& help,
                             std::function<int(const Given&)> run) {
  CLI::App* command = parent.add_subcommand(name, help);
  given_->config.add_to(*command);
  command->add_flag("--json", given_->json, "Prints the answer as JSON");
  commands_.emplace_back(command, std::move(run));
  return *command;
}

void AdminCommands::add_copies(CLI::App& cli) {
  Given& given = *given_;
  CLI::App& backup =
      add(cli, "backup", "Copies the database, also while a gateway runs", [](const Given& g) {
        std::error_code error;
        // A gateway has a working folder of its own.
        const auto file = std::filesystem::absolute(g.file, error);
        std::string body;
        json::Writer(body)
            .begin_object()
            .member("file", error ? g.file : file.lexically_normal().string())
            .end_object();
        return ask(g, {.method = "POST",
                       .target = "/api/admin/backup",
                       .body = body,
                       .human = [](json::Value answer) {
                         return fmt::format("{}: {} bytes\n", shown(answer["file"]),
                                            shown(answer["bytes"]));
                       }});
      });
  backup.add_option("file", given.file, "Where to; replaced when the copy is whole")->required();

  CLI::App& restore =
      add(cli, "restore",
          "Puts a backup in the database's place, or into an empty server's; no "
          "gateway may run",
          [](const Given& g) {
            const auto config = load_config(g.config.load_options());
            if (!config) return complain(config.error());
            const auto done = store::Database::restore(admin::database_options(**config), g.file);
            if (!done) return complain(done.error(), kFailed);
            std::string body;
            json::Writer(body).begin_object().member("restored", g.file).end_object();
            print(g.json ? body + "\n"
                         : fmt::format("restored {} into {}\n", g.file, (*config)->data_dir));
            return 0;
          });
  restore.add_option("file", given.file, "A file that `sluice backup` has made")->required();

  add(cli, "migrate", "Brings the database's schema up to date, as starting a gateway does",
      [](const Given& g) {
        const auto config = load_config(g.config.load_options());
        if (!config) return complain(config.error());
        const auto version = store::Database::migrate(admin::database_options(**config));
        if (!version) return complain(version.error(), kFailed);
        std::string body;
        json::Writer(body).begin_object().member("version", *version).end_object();
        print(g.json ? body + "\n" : fmt::format("the schema is version {}\n", *version));
        return 0;
      });
}

}  // namespace sluice::app
