#include "app/admin_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "admin/client.hpp"
#include "app/draft_commands.hpp"
#include "app/explain_command.hpp"
#include "app/table.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::app {

namespace {

/// Without the full stop, as other help is.
std::string help_of(const Command& command) {
  const admin::Route* route = route_of(command);
  std::string help(command.help);
  if (help.empty() && route != nullptr) help = route->summary;
  if (help.ends_with('.')) help.pop_back();
  return help;
}

std::string one_member(std::string_view name, const std::string& text) {
  std::string body;
  json::Writer(body).begin_object().member(name, text).end_object();
  return body;
}

}  // namespace

AdminCommands::AdminCommands(CLI::App& cli, std::string_view topic) {
  const auto is_meant = [&](std::string_view words) {
    return words.substr(0, words.find(' ')) == topic;
  };
  for (const Topic& each : topics()) {
    if (is_meant(each.words) || !each.words.contains(' '))
      place(cli, each.words, std::string(each.help));
  }
  for (const Command& each : all_commands()) {
    if (is_meant(each.words)) add(cli, each);
  }
  if (is_meant("route")) add_routing(cli);
  add_copies(cli);
}

AdminCommands::~AdminCommands() = default;

std::optional<int> AdminCommands::run() {
  // A command that has commands of its own may be one itself: theirs stand behind it.
  for (auto each = commands_.rbegin(); each != commands_.rend(); ++each) {
    if (each->first->parsed()) return each->second();
  }
  return std::nullopt;
}

CLI::App& AdminCommands::place(CLI::App& root, std::string_view words, const std::string& help) {
  const auto is_any = [](const CLI::App*) { return true; };
  CLI::App* app = &root;
  while (!words.empty()) {
    const size_t blank = words.find(' ');
    const std::string word(words.substr(0, blank));
    words = blank == std::string_view::npos ? std::string_view{} : words.substr(blank + 1);
    const auto is_it = [&](const CLI::App* each) { return each->get_name() == word; };
    const auto found = app->get_subcommands(is_it);
    // What stands below it has to be said, unless it turns out to be a command itself.
    if (app != &root && app->get_subcommands(is_any).empty()) app->require_subcommand(1);
    app = found.empty() ? app->add_subcommand(word, help) : found.front();
  }
  return *app;
}

CLI::App& AdminCommands::add(CLI::App& root, std::string_view words, const std::string& help,
                             std::function<int()> run) {
  CLI::App& app = place(root, words, help);
  shared_.config.add_to(app);
  app.add_flag("--json", shared_.json, "Prints the answer as JSON");
  commands_.emplace_back(&app, std::move(run));
  return app;
}

void AdminCommands::offer(CLI::App& app, const Command& command) {
  CommandLine& line = *lines_.emplace_back(std::make_unique<CommandLine>(app, command));
  commands_.emplace_back(&app, [this, &command, &line] {
    shared_.csv = shared_.csv || (command.csv && !shared_.json);
    return app::run(command, line, shared_);
  });
  shared_.config.add_to(app);
  CLI::Option* json = app.add_flag("--json", shared_.json, "Prints the answer as JSON");
  if (command.method == "GET" && !command.columns.empty()) {
    app.add_flag("--csv", shared_.csv, "Prints comma-separated values")->excludes(json);
  }
  app.footer(fmt::format("Example: sluice {}", command.example));
}

void AdminCommands::add(CLI::App& root, const Command& command) {
  CLI::App& app = place(root, command.words, help_of(command));
  if (!command.also.empty()) app.alias(std::string(command.also));
  if (command.bare) {
    CLI::App& above = *app.get_parent();
    above.require_subcommand(0, 1);
    offer(above, command);
  }
  offer(app, command);
}

void AdminCommands::add_copies(CLI::App& root) {
  CLI::App& backup = add(root, "backup", "Copies the database, also while a gateway runs", [this] {
    std::error_code error;
    // A gateway has a working folder of its own.
    const auto file = std::filesystem::absolute(file_, error);
    return app::run(
        {.question = {.method = "POST",
                      .target = "/api/admin/backup",
                      .body = one_member("file", error ? file_ : file.lexically_normal().string())},
         .human =
             [](json::Value answer) {
               return fmt::format("{}: {} bytes\n", shown(answer["file"]), shown(answer["bytes"]));
             }},
        shared_);
  });
  backup.add_option("file", file_, "Where to; replaced when the copy is whole")->required();

  CLI::App& restore =
      add(root, "restore",
          "Puts a backup in the database's place, or into an empty server's; no gateway may run",
          [this] {
            const auto config = load_config(shared_.config.load_options());
            if (!config) return complain(config.error());
            // A million rows take a minute or two, and whoever waits is told how far they are.
            log::start({.level = log::Level::kInfo, .fd = STDERR_FILENO});
            const auto done = store::Database::restore(admin::database_options(**config), file_);
            if (!done) return complain(done.error(), kFailed);
            print(shared_.json ? one_member("restored", file_) + '\n'
                               : fmt::format("restored {} into {}\n", file_, (*config)->data_dir));
            return 0;
          });
  restore.add_option("file", file_, "A file that `sluice backup` has made")->required();

  add(root, "migrate", "Brings the database's schema up to date, as starting a gateway does",
      [this] {
        const auto config = load_config(shared_.config.load_options());
        if (!config) return complain(config.error());
        const auto version = store::Database::migrate(admin::database_options(**config));
        if (!version) return complain(version.error(), kFailed);
        std::string body;
        json::Writer(body).begin_object().member("version", *version).end_object();
        print(shared_.json ? body + '\n' : fmt::format("the schema is version {}\n", *version));
        return 0;
      });
}

void AdminCommands::add_routing(CLI::App& root) {
  explain_ = std::make_unique<ExplainCommand>();
  explain_->add_to(add(root, "route explain", "Says where a request for a model would go, and why",
                       [this] { return explain_->run(shared_); }));
  drafts_ = std::make_unique<DraftCommands>();
  drafts_->add_dry_run(add(root, "route dry-run",
                           "Says where recorded requests would go now, and where by a draft",
                           [this] { return drafts_->dry_run(shared_); }));
  drafts_->add_apply(add(root, "route apply",
                         "Puts a draft in the place of all rules and groups of the database, "
                         "unless they have changed since it was begun",
                         [this] { return drafts_->apply(shared_); }));
}

}  // namespace sluice::app
