#include "load/cli.hpp"

#include <CLI/CLI.hpp>
#include <map>
#include <string>

namespace sluice::load {

namespace {

void add_duration(CLI::App& app, const std::string& name, Duration& value,
                  const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [&value](const std::string& text) {
           const auto parsed = parse_duration(text);
           if (!parsed) throw CLI::ValidationError(parsed.error().message);
           value = *parsed;
         },
         help)
      ->type_name("DURATION");
}

}  // namespace

void add_options(CLI::App& app, Options& options) {
  app.add_option("--url", options.url, "gateway or upstream, with or without /v1")
      ->capture_default_str();
  app.add_option("--key", options.key, "API key to present");
  app.add_option("--model", options.model, "model to ask for; a scripted one tells the answer")
      ->capture_default_str();
  app.add_option("--dialect", options.dialect, "openai (default) or anthropic")
      ->transform(CLI::CheckedTransformer(
                      std::map<std::string, Dialect>{{"openai", Dialect::kOpenAi},
                                                     {"anthropic", Dialect::kAnthropic}})
                      .description(""))
      ->type_name("NAME");
  app.add_flag("--stream,!--no-stream", options.stream,
               "streamed answers (default), or whole ones");
  app.add_option("--header", options.headers, "'name: value' to add; may be given several times");
  app.add_option("--prompt-bytes", options.prompt_bytes, "length of the prompt")
      ->capture_default_str();
  app.add_option("--ca-file", options.ca_file, "trust store for https (default: the system's)");

  app.add_option("--concurrency,-c", options.concurrency,
                 "closed loop: requests always in flight (default 10); open loop: at most so many");
  app.add_option("--rate", options.rate,
                 "open loop: arrivals per second, whether or not answers keep up");
  app.add_option("--spacing", options.spacing, "of arrivals: poisson (default) or fixed")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, Spacing>{{"poisson", Spacing::kPoisson},
                                                                 {"fixed", Spacing::kFixed}})
              .description(""))
      ->type_name("NAME");
  app.add_option("--seed", options.seed, "of everything random")->capture_default_str();
  app.add_option("--threads", options.threads, "threads that make the load")->capture_default_str();

  app.add_option("--requests,-n", options.requests, "end after so many requests");
  add_duration(app, "--duration,-d", options.duration,
               "measure for so long (default 10s, unless --requests is given)");
  add_duration(app, "--warmup", options.warmup,
               "load without measuring before that; failures count all the same");
  add_duration(app, "--ramp", options.ramp, "closed loop: spread the first requests over this");
  add_duration(app, "--timeout", options.timeout, "of one request (default 60s)");

  app.add_option("--abort", options.abort,
                 "share of requests, 0 to 1, whose connection is reset after a random event");
  app.add_option("--abort-within", options.abort_within, "of the first so many events")
      ->capture_default_str();

  add_duration(app, "--abort-at", options.abort_at,
               "reset so long after sending instead, whatever has arrived");

  app.add_flag("--delay-stamp", options.stamps,
               "relay delay per event: has a scripted upstream on this host put its clock into "
               "each event (x-mock-stamp)");
  app.add_option("--cpu-of", options.cpu_of,
                 "process on this host whose CPU time is told; may be given several times")
      ->type_name("PID");
  app.add_flag("--json", options.json, "print JSON");
}

}  // namespace sluice::load
