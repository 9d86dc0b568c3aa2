// The one binary: parses the command line and runs the subcommand.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "agent/agent.hpp"
#include "agent/cli.hpp"
#include "app/admin_commands.hpp"
#include "app/config_options.hpp"
#include "app/gateway.hpp"
#include "app/version.hpp"
#include "load/cli.hpp"
#include "load/run.hpp"
#include "mock/script.hpp"
#include "mock/server.hpp"
#include "relay/snapshot.hpp"
#include "tokens/cli.hpp"

namespace {

using namespace sluice;

using app::complain;
using app::ConfigOptions;
using app::kWrong;
using app::load_config;

int serve(const ConfigOptions& given) {
  const config::LoadOptions options = given.load_options();
  auto config = load_config(options);
  if (!config) return complain(config.error());
  // Before any thread exists, so that all of them inherit it.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  app::Gateway gateway(std::move(*config), options);
  if (auto status = gateway.start(); !status) {
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
    return 1;
  }
  return gateway.run();
}

int check(const ConfigOptions& given) {
  const auto config = load_config(given.load_options());
  if (!config) return complain(config.error());
  // Files that the configuration names must be usable too.
  quota::Registry registry;
  auto clients = relay::clients_of_config(**config, registry);
  if (!clients) return complain(clients.error());
  route::TargetStates states;
  const auto snapshot = relay::make_snapshot(*config, std::move(*clients), 1, states);
  if (!snapshot) {
    return complain(snapshot.error());
  }
  for (const std::string& warning : (*config)->warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  std::printf("configuration is valid: %zu providers, %zu rules, %zu keys\n",
              (*config)->providers.size(), (*config)->routing.rules.size(), (*config)->keys.size());
  return 0;
}

/// A gateway's configuration has what its workers need to know.
int run_agent(agent::Options options, const std::string& file) {
  if (!file.empty()) {
    const auto config = load_config({.file = file});
    if (!config) return complain(config.error());
    options.token = (*config)->workers.token;
    options.engine_key = (*config)->workers.api_key;
  }
  return agent::run(options);
}

/// As far as the command line was understood: "sluice key add".
std::string words_of(const CLI::App& cli) {
  std::string words = "sluice";
  const CLI::App* app = &cli;
  for (auto below = app->get_subcommands(); !below.empty(); below = app->get_subcommands()) {
    app = below.front();
    words += ' ' + app->get_name();
  }
  return words;
}

int version() {
  std::printf("sluice %s (%s)\n", app::kVersion, app::kBuildType);
  std::printf("dialects: openai, anthropic\nevent loop: epoll\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli("Sluice, an AI gateway: one address for every model provider.", "sluice");
  cli.require_subcommand(1);
  ConfigOptions given;
  mock::Options mock_options;
  load::Options bench_options;
  tokens::FileOptions tokens_options;
  agent::Options agent_options;
  std::string agent_config;

  CLI::App* serve_command = cli.add_subcommand("serve", "Runs the gateway");
  serve_command->footer(
      "A database server that does not answer is waited for: /health says 200 meanwhile, /ready "
      "503.\n"
      "One that is there and refuses (password, name, TLS) ends the start with status 1.");
  given.add_to(*serve_command);
  CLI::App* check_command = cli.add_subcommand("check", "Validates a configuration");
  given.add_to(*check_command);
  CLI::App* mock_command = cli.add_subcommand(
      "mock", "Runs a scripted upstream that speaks OpenAI, Anthropic and Gemini");
  mock_command->add_option("--host", mock_options.host, "Address to listen on")
      ->capture_default_str();
  mock_command->add_option("--port", mock_options.port, "Port to listen on")->capture_default_str();
  mock_command->add_option("--threads", mock_options.threads, "Event loops")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  mock_command->footer(mock::script_help());
  CLI::App* agent_command = cli.add_subcommand(
      "agent", "Runs beside an inference engine and tells gateways what it has free");
  agent::add_options(*agent_command, agent_options);
  agent_command->add_option("--config", agent_config,
                            "a gateway's configuration, for its workers.token and workers.api_key");
  CLI::App* bench_command =
      cli.add_subcommand("bench", "Puts load on a gateway or an upstream and measures it");
  load::add_options(*bench_command, bench_options);
  app::AdminCommands admin_commands(cli, argc > 1 ? argv[1] : "");
  CLI::App* tokens_command = cli.add_subcommand("tokens", "Counts the tokens of files");
  tokens::add_options(*tokens_command, tokens_options);
  CLI::App* version_command = cli.add_subcommand("version", "Prints version and features");

  try {
    cli.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return cli.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "sluice: %s (see %s --help)\n", error.what(), words_of(cli).c_str());
    return kWrong;
  }
  if (serve_command->parsed()) return serve(given);
  if (check_command->parsed()) return check(given);
  if (mock_command->parsed()) {
    const auto status = mock::run(mock_options);
    return status ? *status : complain(status.error());
  }
  if (agent_command->parsed()) return run_agent(agent_options, agent_config);
  if (bench_command->parsed()) return load::run(bench_options);
  if (const auto status = admin_commands.run()) return *status;
  if (tokens_command->parsed()) return tokens::run(tokens_options);
  if (version_command->parsed()) return version();
  return kWrong;
}
