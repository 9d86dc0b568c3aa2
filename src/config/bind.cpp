#include "config/bind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "config/fields.hpp"
#include "http/head.hpp"
#include "http/url.hpp"

namespace sluice::config {

namespace {

struct TypeInfo {
  std::string_view name;
  ProviderType type;
  std::string_view base_url;  // empty: must be given
  std::string_view dialect;
};

constexpr auto kTypes = std::to_array<TypeInfo>({
    {"openai", ProviderType::kOpenAi, "https://api.openai.com/v1", "openai"},
    {"anthropic", ProviderType::kAnthropic, "https://api.anthropic.com", "anthropic"},
    {"gemini", ProviderType::kGemini, "https://generativelanguage.googleapis.com", "gemini"},
    {"zai", ProviderType::kZai, "", "openai"},
    {"openai_compatible", ProviderType::kOpenAiCompatible, "", "openai"},
});

class Binder {
 public:
  Binder(const Node& root, const Surroundings& surroundings, Problems& problems)
      : root_(root), surroundings_(surroundings), problems_(problems) {}

  Config bind() {
    Config config;
    config.server = bind_server(at(root_, "server"));
    config.auth.enabled = flag(root_, "auth.enabled");
    config.auth.admin_token = secret(at(root_, "auth.admin_token"), "auth.admin_token");
    config.auth.jwt_secret = bind_jwt_secret(at(root_, "auth.jwt_secret"));
    config.auth.jwt_expiry = duration(root_, "auth.jwt_expiry");
    const std::string registration = text(root_, "auth.registration");
    if (registration == "invite") config.auth.registration = Registration::kInvite;
    if (registration == "closed") config.auth.registration = Registration::kClosed;
    config.data_dir = text(root_, "data_dir");
    config.providers = bind_providers(at(root_, "providers"));
    config.routing = bind_routing(root_, config.providers, problems_);
    config.workers = bind_workers(at(root_, "workers"), problems_);
    config.discovery = bind_discovery(at(root_, "discovery"), surroundings_, problems_);
    config.fetch = bind_fetch(at(root_, "fetch"));
    config.keys = bind_keys(at(root_, "keys"));
    bind_accounting(root_, config, problems_);
    config.metrics = bind_metrics(at(root_, "metrics"), config.server);
    config.logging = bind_logging(at(root_, "logging"));
    warn(config);
    return config;
  }

 private:
  void error(const Node& node, std::string what) {
    if (!node.bad) problems_.error(node.place, std::move(what));
  }

  Secret secret(const Node& node, const std::string& path) {
    return bind_secret(node, path, problems_);
  }

  /// Who knows a token can try secrets until one fits, as fast as he can compute.
  Secret bind_jwt_secret(const Node& node) {
    constexpr size_t kShortest = 8;
    constexpr size_t kGood = 16;
    Secret jwt_secret = secret(node, "auth.jwt_secret");
    const size_t size = jwt_secret.expose().size();
    if (size == 0 || size >= kGood) return jwt_secret;
    if (size < kShortest) {
      error(node, fmt::format("auth.jwt_secret must have at least {} characters", kShortest));
    } else {
      problems_.warn(
          fmt::format("auth.jwt_secret has only {} characters, which can be guessed "
                      "from a token: make one with openssl rand -base64 32",
                      size));
    }
    return jwt_secret;
  }

  /// The file must be there at start: an error now is better than one at the first connection.
  void check_readable(const Node& node, const std::string& path) {
    const auto* file = std::get_if<std::string>(&node.value);
    if (file == nullptr) return;
    if (auto content = surroundings_.read_file(*file); !content) {
      error(node, fmt::format("{}: cannot read \"{}\": {}", path, *file, content.error().message));
    }
  }

  Server bind_server(const Node& node) {
    Server server;
    server.host = text(node, "host");
    const bool host_fits = std::ranges::all_of(
        server.host, [](char c) { return is_name_character(c) || c == ':' || c == '%'; });
    if (server.host.empty() || !host_fits) {
      error(at(node, "host"), "server.host must be an address such as 0.0.0.0 or ::");
    }
    server.port = static_cast<uint16_t>(integer(node, "port"));
    server.threads = integer(node, "threads");
    server.max_body = static_cast<uint64_t>(get<int64_t>(node, "max_body"));
    server.drain_min = duration(node, "drain_min");
    server.drain_max = duration(node, "drain_max");
    if (server.drain_min > server.drain_max) {
      const bool min_written = !at(node, "drain_min").standard;
      error(at(node, min_written ? "drain_min" : "drain_max"),
            "server.drain_min must not be longer than server.drain_max");
    }
    server.trusted_proxies = texts(node, "trusted_proxies");
    server.tls.enabled = flag(node, "tls.enabled");
    server.tls.cert = text(node, "tls.cert");
    server.tls.key = text(node, "tls.key");
    if (server.tls.enabled) {
      check_readable(at(node, "tls.cert"), "server.tls.cert");
      check_readable(at(node, "tls.key"), "server.tls.key");
    }
    server.cors.enabled = flag(node, "cors.enabled");
    server.cors.allowed_origins = texts(node, "cors.allowed_origins");
    for (const Node& origin : at(node, "cors.allowed_origins").items) check_origin(origin);
    server.gzip = flag(node, "gzip");
    return server;
  }

  void check_origin(const Node& node) {
    const auto* origin = std::get_if<std::string>(&node.value);
    if (origin == nullptr || *origin == "*") return;
    const auto url = http::parse_url(*origin);
    if (!url || !url->path.empty() || origin->ends_with('/')) {
      error(node,
            "an origin is * or scheme://host[:port] without a path, such as "
            "https://app.example.com");
    }
  }

  std::vector<Provider> bind_providers(const Node& list) {
    std::vector<Provider> providers;
    std::vector<std::pair<std::string_view, std::string>> defaults;  // dialect, provider
    for (size_t i = 0; i < list.items.size(); ++i) {
      const Node& node = list.items[i];
      Provider provider = bind_provider(node, fmt::format("providers.{}", i));
      const Node& name = at(node, "name");
      if (std::ranges::find(providers, provider.name, &Provider::name) != providers.end()) {
        error(name, fmt::format("there are two providers named \"{}\"", provider.name));
      }
      const std::string type = text(node, "type");
      const auto info = std::ranges::find(kTypes, type, &TypeInfo::name);
      if (info != kTypes.end() && provider.enabled && provider.is_default) {
        const auto other = std::ranges::find(defaults, info->dialect,
                                             &std::pair<std::string_view, std::string>::first);
        if (other != defaults.end()) {
          error(at(node, "default"),
                fmt::format("\"{}\" and \"{}\" are both the default of the {} dialect",
                            other->second, provider.name, info->dialect));
        }
        defaults.emplace_back(info->dialect, provider.name);
      }
      providers.push_back(std::move(provider));
    }
    bind_zai(list, surroundings_, providers, problems_);
    return providers;
  }

  Provider bind_provider(const Node& node, const std::string& path) {
    Provider provider;
    provider.name = text(node, "name");
    const bool fits =
        provider.name.size() <= 64 && std::ranges::all_of(provider.name, is_name_character);
    if (!fits) {
      error(at(node, "name"), path + ".name may hold at most 64 letters, digits and . _ -");
    } else if (provider.name == kWorkersTarget) {
      error(at(node, "name"), "\"workers\" is a reserved name");
    }
    const Node& url = at(node, "base_url");
    provider.base_url = text(node, "base_url");
    if (const auto info = std::ranges::find(kTypes, text(node, "type"), &TypeInfo::name);
        info != kTypes.end()) {
      provider.type = info->type;
      if (url.is_null() && !url.bad) provider.base_url = info->base_url;
      const bool has_platforms = provider.type == ProviderType::kZai;  // each with its own address
      if (provider.base_url.empty() && !url.bad && !has_platforms) {
        problems_.error(node.place, fmt::format("{}: a provider of type {} needs a base_url", path,
                                                info->name));
      }
    }
    for (const Node& item : at(node, "api_keys").items) {
      Secret key = secret(item, path + ".api_keys");
      if (!key.empty()) provider.api_keys.push_back(std::move(key));
    }
    provider.is_default = flag(node, "default");
    provider.enabled = flag(node, "enabled");
    if (const bool* responses = std::get_if<bool>(&at(node, "responses").value)) {
      provider.responses = *responses;
    }
    const std::string reasoning = text(node, "reasoning");
    if (reasoning == "strip") provider.reasoning = ReasoningDisplay::kStripped;
    if (reasoning == "think") provider.reasoning = ReasoningDisplay::kInlined;
    provider.models = texts(node, "models");
    bind_headers(at(node, "headers"), path, provider);
    provider.ca_file = text(node, "ca_file");
    if (!provider.ca_file.empty()) check_readable(at(node, "ca_file"), path + ".ca_file");
    provider.proxy = text(node, "proxy");
    if (!provider.proxy.empty()) {
      const auto proxy = http::parse_url(provider.proxy);
      if (!proxy || proxy->tls || !proxy->path.empty()) {
        error(at(node, "proxy"), path + ".proxy must be http://host:port");
      }
    }
    provider.timeouts = bind_timeouts(at(node, "timeouts"));
    provider.pool = {.max_idle = integer(node, "pool.max_idle"),
                     .max_idle_per_host = integer(node, "pool.max_idle_per_host"),
                     .idle_timeout = duration(node, "pool.idle_timeout")};
    return provider;
  }

  void bind_headers(const Node& map, const std::string& path, Provider& provider) {
    for (const Node::Entry& entry : map.entries) {
      if (!is_token(entry.key)) {
        problems_.error(entry.place, fmt::format("{}.headers: \"{}\" is no header name", path,
                                                 entry.key.substr(0, 60)));
      }
      if (http::is_hop_by_hop(entry.key, {}) || iequals(entry.key, "content-length") ||
          iequals(entry.key, "expect")) {
        problems_.error(entry.place, fmt::format("{}.headers: \"{}\" is the gateway's own to say",
                                                 path, entry.key));
      }
      if (entry.node.is_null()) continue;
      const auto* value = std::get_if<std::string>(&entry.node.value);
      if (value != nullptr) provider.headers.emplace_back(entry.key, *value);
    }
  }

  std::vector<Key> bind_keys(const Node& list) {
    std::vector<Key> keys;
    for (size_t i = 0; i < list.items.size(); ++i) {
      const Node& node = list.items[i];
      const std::string path = fmt::format("keys.{}", i);
      Key key;
      key.key = secret(at(node, "key"), path + ".key");
      key.name = text(node, "name");
      if (key.name.size() > 128) error(at(node, "name"), path + ".name is longer than 128 bytes");
      for (size_t k = 0; k < keys.size() && !key.key.empty(); ++k) {
        if (keys[k].key.expose() != key.key.expose()) continue;
        error(at(node, "key"), fmt::format("{}.key is the same as keys.{}.key", path, k));
      }
      key.models = texts(node, "models");
      for (const Node& model : at(node, "models").items) {
        const auto* pattern = std::get_if<std::string>(&model.value);
        if (pattern != nullptr && pattern->find('*') < pattern->size() - 1) {
          error(model, fmt::format("{}.models: a * may stand only at the end", path));
        }
      }
      key.allow_ips = texts(node, "allow_ips");
      if (const auto* time = std::get_if<int64_t>(&at(node, "expires_at").value)) {
        key.expires_at = *time;
      }
      if (const std::string mode = text(node, "mode"); !mode.empty()) key.strict = mode == "strict";
      bind_allowance(node, path, key, problems_);
      keys.push_back(std::move(key));
    }
    return keys;
  }

  static Fetch bind_fetch(const Node& node) {
    return {.enabled = flag(node, "enabled"),
            .allow = texts(node, "allow"),
            .max_size = static_cast<uint64_t>(get<int64_t>(node, "max_size")),
            .timeout = duration(node, "timeout"),
            .max_per_request = integer(node, "max_per_request")};
  }

  Metrics bind_metrics(const Node& node, const Server& server) {
    Metrics metrics{.enabled = flag(node, "enabled"),
                    .port = static_cast<uint16_t>(integer(node, "port")),
                    .path = text(node, "path")};
    if (metrics.port != 0 && metrics.port == server.port) {
      error(at(node, "port"), "metrics.port is server.port; 0 serves metrics there");
    }
    const bool fits = std::ranges::all_of(metrics.path, [](char c) {
      return is_name_character(c) || std::string_view("/~!$&'()*+,;=:@").contains(c);
    });
    if (!metrics.path.starts_with('/') || !fits) {
      error(at(node, "path"), "metrics.path must be a path such as /metrics");
    }
    return metrics;
  }

  static Logging bind_logging(const Node& node) {
    Logging logging;
    const std::string level = text(node, "level");
    logging.level = level == "debug"   ? LogLevel::kDebug
                    : level == "warn"  ? LogLevel::kWarn
                    : level == "error" ? LogLevel::kError
                                       : LogLevel::kInfo;
    logging.format = text(node, "format") == "json" ? LogFormat::kJson : LogFormat::kText;
    logging.content = flag(node, "content");
    return logging;
  }

  void warn(const Config& config) {
    if (!config.auth.enabled) {
      problems_.warn("auth.enabled is false: anybody may call the inference routes");
    } else if (config.keys.empty()) {
      problems_.warn(
          "there are no keys in the configuration: without one in the database every inference "
          "request is refused; make one with sluice key create, or add one below keys:");
    }
    if (std::ranges::none_of(config.providers, &Provider::enabled)) {
      problems_.warn(
          "no provider is enabled: there is nowhere to send requests; add one below providers:, "
          "or set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY");
    }
    for (const Provider& provider : config.providers) {
      if (provider.enabled && provider.api_keys.empty() &&
          provider.type != ProviderType::kOpenAiCompatible) {
        problems_.warn(
            fmt::format("provider {} has no API key: it is called without one", provider.name));
      }
    }
    if (config.server.cors.enabled && config.server.cors.allowed_origins.empty()) {
      problems_.warn("server.cors is enabled and allows no origin");
    }
  }

  const Node& root_;
  const Surroundings& surroundings_;
  Problems& problems_;
};

}  // namespace

std::string_view dialect_of_type(std::string_view type) {
  const auto info = std::ranges::find(kTypes, type, &TypeInfo::name);
  return info == kTypes.end() ? std::string_view{} : info->dialect;
}

Config bind(const Node& root, const Surroundings& surroundings, Problems& problems) {
  return Binder(root, surroundings, problems).bind();
}

}  // namespace sluice::config
