// The sections `workers` and `discovery`.
#include <fmt/format.h>

#include <algorithm>

#include "config/bind.hpp"
#include "config/fields.hpp"
#include "http/url.hpp"

namespace sluice::config {

namespace {

constexpr size_t kMaxName = 64;

class DiscoveryBinder {
 public:
  DiscoveryBinder(const Node& node, const Surroundings& surroundings, Problems& problems)
      : node_(node), surroundings_(surroundings), problems_(problems) {}

  Discovery bind() {
    Discovery discovery;
    discovery.enabled = flag(node_, "enabled");
    const std::string type = text(node_, "type");
    discovery.type = type == "consul"       ? DiscoveryType::kConsul
                     : type == "kubernetes" ? DiscoveryType::kKubernetes
                                            : DiscoveryType::kStatic;
    discovery.interval = duration(node_, "interval");
    discovery.timeout = duration(node_, "timeout");
    discovery.healthy_after = integer(node_, "healthy_after");
    discovery.unhealthy_after = integer(node_, "unhealthy_after");
    if (discovery.enabled && discovery.type != DiscoveryType::kStatic) {
      problems_.warn(
          fmt::format("discovery.type: {} is not in this version: no services are looked up; "
                      "list them below discovery.services, with type: static ({})",
                      type, at(node_, "type").place.line_text()));
      discovery.enabled = false;
    }
    add_services(at(node_, "services"));
    const std::string file = text(node_, "file");
    if (!file.empty()) add_services(read(file));
    discovery.services = std::move(services_);
    return discovery;
  }

 private:
  void error(const Place& place, std::string what) { problems_.error(place, std::move(what)); }

  /// JSON is read as the YAML that it is, so that every mistake has its line.
  Node read(const std::string& file) {
    const Node& place = at(node_, "file");
    Node empty = Node::of(Node::Kind::kMap, place.place);
    Result<std::string> content = surroundings_.read_file(file);
    if (!content) {
      error(place.place,
            fmt::format("discovery.file: cannot read \"{}\": {}", file, content.error().message));
      return empty;
    }
    // Outside of strings JSON may be indented with tabs; inside it has none.
    std::ranges::replace(*content, '\t', ' ');
    Node services = read_yaml(*content, file, problems_);
    mark_verbatim(services);
    if (services.is_null()) services.kind = Node::Kind::kMap;
    const Shape& shape = *root_shape().find("discovery")->find("services");
    check_part(shape, services, "discovery.services", surroundings_, problems_);
    return services;
  }

  static void mark_verbatim(Node& node) {
    node.verbatim = true;
    for (Node& item : node.items) mark_verbatim(item);
    for (Node::Entry& entry : node.entries) mark_verbatim(entry.node);
  }

  void add_services(const Node& map) {
    for (const Node::Entry& entry : map.entries) {
      Service service;
      service.name = entry.key;
      const std::string path = "discovery.services." + entry.key.substr(0, kMaxName);
      if (service.name.size() > kMaxName || !is_name(service.name)) {
        error(entry.place, path + ": a name may hold at most 64 letters, digits and . _ -");
      }
      if (std::ranges::find(services_, service.name, &Service::name) != services_.end()) {
        error(entry.place, fmt::format("there are two services named \"{}\"", service.name));
      }
      bind_service(entry.node, path, service);
    }
  }

  void bind_service(const Node& node, const std::string& path, Service& service) {
    service.host = text(node, "host");
    service.port = integer(node, "port");
    service.protocol = text(node, "protocol");
    service.health_check = text(node, "health_check");
    service.models = texts(node, "models");
    service.max_tasks = integer(node, "max_tasks");
    if (service.protocol == "grpc") {
      problems_.warn(fmt::format("{}: protocol grpc is not in this version; it is left out ({})",
                                 path, node.place.line_text()));
      return;
    }
    const Node& host = at(node, "host");
    const bool v6 = service.host.contains(':');
    const auto url =
        http::parse_url(fmt::format("http://{}", v6 ? "[" + service.host + "]" : service.host));
    if (!host.bad && (!url || !url->path.empty() || (!v6 && url->port != 80))) {
      error(host.place, path + ".host must be a host name or an address");
    }
    const bool is_path =
        service.health_check.starts_with('/') &&
        std::ranges::all_of(service.health_check, [](char c) { return c > 0x20 && c < 0x7F; });
    if (!is_path) {
      error(at(node, "health_check").place, path + ".health_check must be a path such as /health");
    }
    services_.push_back(std::move(service));
  }

  const Node& node_;
  const Surroundings& surroundings_;
  Problems& problems_;
  std::vector<Service> services_;
};

}  // namespace

Workers bind_workers(const Node& node, Problems& problems) {
  return {.ttl = duration(node, "ttl"),
          .cleanup_interval = duration(node, "cleanup_interval"),
          .token = bind_secret(at(node, "token"), "workers.token", problems),
          .allow = texts(node, "allow"),
          .api_key = bind_secret(at(node, "api_key"), "workers.api_key", problems),
          .timeouts = bind_timeouts(at(node, "timeouts")),
          .gateways = integer(node, "gateways")};
}

Discovery bind_discovery(const Node& node, const Surroundings& surroundings, Problems& problems) {
  return DiscoveryBinder(node, surroundings, problems).bind();
}

Timeouts bind_timeouts(const Node& node) {
  return {.connect = duration(node, "connect"),
          .first_token = duration(node, "first_token"),
          .between_tokens = duration(node, "between_tokens"),
          .total = duration(node, "total"),
          .first_token_given = !at(node, "first_token").standard};
}

Secret bind_secret(const Node& node, const std::string& path, Problems& problems) {
  const auto* value = std::get_if<std::string>(&node.value);
  if (value == nullptr) return {};
  if (!is_credential(*value) && !node.bad) {
    problems.error(node.place, path + " may hold only visible ASCII characters, without spaces");
  }
  return Secret(*value);
}

}  // namespace sluice::config
