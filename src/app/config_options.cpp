#include "app/config_options.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

namespace sluice::app {

void ConfigOptions::add_to(CLI::App& command) {
  command.add_option("--config", file,
                     "Configuration file (default: configs/gateway.yaml, if it is there)");
  command.add_option("--set", set, "Overrides one option, key=value; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
}

config::LoadOptions ConfigOptions::load_options() const {
  config::LoadOptions options;
  if (!file.empty()) options.file = file;
  options.set = set;
  return options;
}

Result<config::ConfigPtr> load_config(const config::LoadOptions& options) {
  auto loaded = config::load(options);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return std::make_shared<const config::Config>(std::move(*loaded));
}

int complain(const Error& error, int status) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return status;
}

}  // namespace sluice::app
