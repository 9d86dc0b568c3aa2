#include "agent/cli.hpp"

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace sluice::agent {

namespace {

CLI::Validator milliseconds() {
  return CLI::AsNumberWithUnit(
             std::map<std::string, int64_t>{{"ms", 1}, {"s", 1000}, {"m", 60'000}},
             CLI::AsNumberWithUnit::UNIT_REQUIRED)
      .description("");
}

CLI::Validator bytes() {
  return CLI::AsNumberWithUnit(
             std::map<std::string, int64_t>{
                 {"MiB", int64_t{1} << 20}, {"GiB", int64_t{1} << 30}, {"TiB", int64_t{1} << 40}},
             CLI::AsNumberWithUnit::UNIT_REQUIRED)
      .description("");
}

}  // namespace

void add_options(CLI::App& app, Options& options) {
  app.add_option("--gateway", options.gateways,
                 "URL of a gateway to tell; may be given several times")
      ->type_name("URL")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--engine", options.engine,
                 "vllm, sglang, llamacpp, ollama, tgi, openai (any other server with /v1/models), "
                 "or auto: find out")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--engine-url", options.engine_url, "the engine, as this machine reaches it")
      ->type_name("URL")
      ->capture_default_str();
  app.add_option("--endpoint", options.endpoint,
                 "the engine, as the gateways reach it; without it they show the worker and send "
                 "it nothing")
      ->type_name("URL");
  app.add_option("--id", options.id, "the worker's name (default: the machine's)")
      ->type_name("NAME");
  app.add_option("--models", options.models,
                 "models that it serves, with commas (default: what the engine says)")
      ->type_name("LIST");
  app.add_option("--max-tasks", options.max_tasks,
                 "requests that it runs at once (default: what the engine says; vllm and ollama "
                 "do not)")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}).description(""))
      ->type_name("N");
  app.add_option("--gpus", options.gpus,
                 "indices or UUIDs of the GPUs that the engine uses, all, or none (default: "
                 "CUDA_VISIBLE_DEVICES, else all)")
      ->type_name("LIST");
  app.add_option("--vram", options.vram, "GPU memory in all, where no library tells it: 24GiB")
      ->transform(bytes())
      ->type_name("SIZE");
  app.add_flag("--fallback", options.fallback, "serves only when the others are full");
  app.add_option("--token-file", options.token_file,
                 "file with the gateways' workers.token (default: the environment's "
                 "SLUICE_WORKER_TOKEN)")
      ->type_name("PATH");
  app.add_option("--engine-key-file", options.engine_key_file,
                 "file with the API key that the engine wants (default: the environment's "
                 "SLUICE_ENGINE_KEY)")
      ->type_name("PATH");
  app.add_option("--ca-file", options.ca_file, "trust store for https (default: the system's)")
      ->type_name("PATH");
  app.add_option("--interval", options.interval_ms,
                 "between two heartbeats when nothing changes (default: as the gateway asks, 5s)")
      ->transform(milliseconds())
      ->check(CLI::Range(int64_t{100}, int64_t{3'600'000}).description(""))
      ->type_name("DURATION");
  app.add_option("--poll", options.poll_ms,
                 "between two looks at the engine's gauges (default: 250ms)")
      ->transform(milliseconds())
      ->check(CLI::Range(int64_t{10}, int64_t{60'000}).description(""))
      ->type_name("DURATION");
  app.add_flag("--once", options.once, "tells once and ends: 0 when every gateway has taken it");
  app.add_flag("--print", options.print,
               "prints each heartbeat as a line of JSON; logs go to stderr then");
  app.footer(
      "Runs beside an inference engine and tells gateways what it serves and what it has free:\n"
      "  sluice agent --gateway http://gw:8080 --endpoint http://10.0.0.7:8000 --max-tasks 256\n"
      "See what it would tell: sluice agent --once --print");
}

}  // namespace sluice::agent
