#include "agent/options.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/text.hpp"

namespace sluice::agent {

namespace {

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCode::kInvalidRequest, std::move(message));
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::string_view(value) : std::string_view();
}

Result<std::string> host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') {
    return wrong("this machine has no name: give one with --id");
  }
  return std::string(name);
}

/// What can stand in an Authorization field.
bool is_token(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// Of a file, else of the environment, else as given.
Result<Secret> read_secret(std::string_view option, const std::string& path, const char* variable,
                           const Secret& given) {
  std::string text;
  std::string_view from = option;
  if (!path.empty()) {
    // A token is short; a file that is not is the wrong one.
    constexpr size_t kMost = 4096;
    std::ifstream file(path, std::ios::binary);
    text.resize(kMost + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
    if (!file.is_open() || file.bad()) {
      return wrong(fmt::format("{}: {}: {}", option, path, std::strerror(errno)));
    }
    if (text.size() > kMost) return wrong(fmt::format("{}: that is too long", option));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.empty()) return wrong(fmt::format("{}: {} is empty", option, path));
  } else if (!environment(variable).empty()) {
    from = variable;
    text = environment(variable);
  } else {
    return given;
  }
  if (!is_token(text)) return wrong(fmt::format("{}: no token has such characters", from));
  return Secret(std::move(text));
}

std::string_view gpu_list(const Options& options) {
  if (!options.gpus.empty()) return options.gpus;
  // Set and empty means none to CUDA.
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return visible != nullptr ? std::string_view(visible) : std::string_view("all");
}

Status check_endpoint(const std::string& endpoint, const net::TlsContextPtr& tls) {
  if (endpoint.empty()) return {};
  if (const auto site = Site::of(endpoint, tls); !site) {
    return wrong("--endpoint: " + site.error().message);
  }
  return {};
}

Status read_sites(const Options& options, Plan& plan) {
  auto tls = net::TlsContext::client(options.ca_file);
  if (!tls) return wrong("--ca-file: " + tls.error().message);
  for (const std::string& url : options.gateways) {
    auto site = Site::of(url, *tls);
    if (!site) return wrong("--gateway: " + site.error().message);
    // As clients name it.
    if (site->path.ends_with("/v1")) site->path.resize(site->path.size() - 3);
    plan.gateways.push_back(std::move(*site));
  }
  auto engine = Site::of(options.engine_url, *tls);
  if (!engine) return wrong("--engine-url: " + engine.error().message);
  if (engine->path.ends_with("/v1")) engine->path.resize(engine->path.size() - 3);
  plan.engine_site = std::move(*engine);
  return check_endpoint(options.endpoint, *tls);
}

Status read_engine(const Options& options, Plan& plan) {
  if (options.engine == "auto") return {};
  plan.engine = engine_named(options.engine);
  if (plan.engine != nullptr) return {};
  static constexpr std::string_view kNames[] = {"vllm", "sglang", "llamacpp", "ollama",
                                                "tgi",  "openai", "auto"};
  const std::string_view near = nearest(options.engine, kNames);
  return wrong(fmt::format(
      "--engine: no engine is called {}; {}", options.engine,
      near.empty() ? std::string("it is one of vllm, sglang, llamacpp, ollama, tgi, openai, auto")
                   : fmt::format("did you mean {}?", near)));
}

}  // namespace

Result<Plan> make_plan(const Options& options) {
  Plan plan;
  if (options.gateways.empty() && !options.print) {
    return wrong("--gateway is missing: to whom is to be told? (--print alone tells only you)");
  }
  if (auto status = read_sites(options, plan); !status) return std::unexpected(status.error());
  if (auto status = read_engine(options, plan); !status) return std::unexpected(status.error());
  auto token =
      read_secret("--token-file", options.token_file, "SLUICE_WORKER_TOKEN", options.token);
  if (!token) return std::unexpected(token.error());
  plan.token = std::move(*token);
  auto key = read_secret("--engine-key-file", options.engine_key_file, "SLUICE_ENGINE_KEY",
                         options.engine_key);
  if (!key) return std::unexpected(key.error());
  plan.engine_key = std::move(*key);

  plan.id = options.id;
  if (plan.id.empty()) {
    auto name = host_name();
    if (!name) return std::unexpected(name.error());
    plan.id = std::move(*name);
  }
  if (plan.id.size() > workers::kMaxIdBytes || !is_token(plan.id)) {
    return wrong(
        fmt::format("--id: at most {} printable characters without spaces", workers::kMaxIdBytes));
  }
  for_each_in_list(options.models, [&](std::string_view each) { plan.models.emplace_back(each); });
  if (options.max_tasks > 0) plan.max_tasks = options.max_tasks;
  if (options.vram > 0) plan.vram = options.vram;
  if (options.interval_ms > 0) plan.interval = std::chrono::milliseconds(options.interval_ms);
  plan.poll = std::chrono::milliseconds(options.poll_ms);
  plan.gpus = GpuChoice::of(gpu_list(options));
  plan.endpoint = options.endpoint;
  plan.fallback = options.fallback;
  plan.once = options.once;
  plan.print = options.print;
  return plan;
}

}  // namespace sluice::agent
