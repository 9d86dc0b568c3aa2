#include "config/older_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "http/database_url.hpp"

namespace sluice::config {

namespace {

class OlderNames {
 public:
  OlderNames(Node& root, const Lookup& environment, Problems& problems)
      : root_(root), environment_(environment), problems_(problems) {}

  void apply() {
    if (std::optional<Node> http = take(root_, "http")) apply_http(std::move(*http));
    if (std::optional<Node> mysql = take(root_, "mysql")) apply_mysql(std::move(*mysql));
    Node* auth = root_.find("auth");
    if (auth == nullptr || auth->kind != Node::Kind::kMap) return;
    if (std::optional<Node> secret = take(*auth, "jwtSecret")) {
      warn(secret->place, "auth.jwtSecret", "auth.jwt_secret");
      put(*auth, "jwt_secret", std::move(*secret));
    }
  }

 private:
  /// Out of the map; an entry that stands there with nothing behind it is null.
  static std::optional<Node> take(Node& map, std::string_view key) {
    const auto found = std::ranges::find(map.entries, key, &Node::Entry::key);
    if (found == map.entries.end()) return std::nullopt;
    Node node = std::move(found->node);
    map.entries.erase(found);
    return node;
  }

  /// Unless it is there under its own name.
  static void put(Node& map, std::string_view key, Node node) {
    if (map.find(key) != nullptr) return;
    const Place place = node.place;
    map.entries.push_back({std::string(key), place, std::move(node)});
  }

  Node& section(std::string_view name, const Place& place) {
    if (root_.find(name) == nullptr) put(root_, name, Node::of(Node::Kind::kMap, place));
    return *root_.find(name);
  }

  static Node scalar(std::string_view text, const Place& place) {
    Node node = Node::of(Node::Kind::kScalar, place);
    node.verbatim = true;
    node.text = text;
    return node;
  }

  void warn(const Place& place, std::string_view name, std::string_view means) {
    problems_.warn(fmt::format("{}: taken as {} ({})", name, means, place.line_text()));
  }

  /// The text of a scalar of `map`, with what the environment puts into it; empty: there is none.
  std::string text_of(Node& map, std::string_view name, std::string_view key) {
    const std::optional<Node> node = take(map, key);
    if (!node || node->is_null()) return {};
    if (node->kind != Node::Kind::kScalar) {
      problems_.error(node->place, fmt::format("{}.{} must be one value", name, key));
      return {};
    }
    Result<std::string> text = expand(node->text, environment_);
    if (text) return std::move(*text);
    problems_.error(node->place, text.error().message);
    return {};
  }

  /// What is left of a section has names that nobody knows.
  void refuse_rest(const Node& map, std::string_view name) {
    for (const Node::Entry& entry : map.entries) {
      problems_.error(entry.place, fmt::format("unknown key \"{}\" in {}", entry.key, name));
    }
  }

  bool is_section(const Node& node, std::string_view name) {
    if (node.kind == Node::Kind::kMap || node.is_null()) return true;
    problems_.error(node.place, fmt::format("{} must be a section", name));
    return false;
  }

  void ignore(Node& map, std::string_view name, std::string_view key, std::string_view why) {
    const std::optional<Node> node = take(map, key);
    if (node) {
      problems_.warn(
          fmt::format("{}.{}: has no effect; {} ({})", name, key, why, node->place.line_text()));
    }
  }

  void apply_http(Node http) {
    if (!is_section(http, "http")) return;
    const std::string address = text_of(http, "http", "addr");
    if (!address.empty()) {
      warn(http.place, "http.addr", "server.host and server.port");
      const size_t colon = address.rfind(':');
      std::string_view host = std::string_view(address).substr(0, std::min(colon, address.size()));
      if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
      Node& server = section("server", http.place);
      if (!host.empty()) put(server, "host", scalar(host, http.place));
      if (colon == std::string::npos) {
        problems_.error(http.place, "http.addr must be HOST:PORT, or :PORT");
      } else {
        put(server, "port", scalar(address.substr(colon + 1), http.place));
      }
    }
    constexpr std::string_view kTimes = "providers[].timeouts bound how long an answer may take";
    ignore(http, "http", "readTimeout", kTimes);
    ignore(http, "http", "writeTimeout", kTimes);
    refuse_rest(http, "http");
  }

  void apply_mysql(Node mysql) {
    if (!is_section(mysql, "mysql")) return;
    const auto or_else = [&](std::string_view key, std::string_view standard) {
      std::string text = text_of(mysql, "mysql", key);
      return text.empty() ? std::string(standard) : text;
    };
    const std::string host = or_else("host", "localhost");
    const std::string port = or_else("port", "3306");
    const std::string user = or_else("user", "root");
    const std::string password =
        or_else("password", environment_("DB_PASSWORD").value_or(std::string()));
    const std::string name = or_else("database", "ai_gateway");
    const std::string pool = text_of(mysql, "mysql", "maxOpen");
    warn(mysql.place, "mysql", "database.url and database.pool");
    ignore(mysql, "mysql", "maxIdle", "idle connections are kept up to database.pool");
    if (const std::string charset = or_else("charset", "utf8mb4"); charset != "utf8mb4") {
      problems_.error(mysql.place, "mysql.charset can be nothing but utf8mb4");
    }
    refuse_rest(mysql, "mysql");
    Node& database = section("database", mysql.place);
    put(database, "url", scalar(http::mysql_url(host, port, user, password, name), mysql.place));
    if (!pool.empty()) put(database, "pool", scalar(pool, mysql.place));
  }

  Node& root_;
  const Lookup& environment_;
  Problems& problems_;
};

}  // namespace

void apply_older_names(Node& root, const Lookup& environment, Problems& problems) {
  if (root.kind == Node::Kind::kMap) OlderNames(root, environment, problems).apply();
}

}  // namespace sluice::config
