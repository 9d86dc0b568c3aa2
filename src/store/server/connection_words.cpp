#include "store/server/connection_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "http/url.hpp"

namespace sluice::store::server {
namespace {

constexpr int kConnectSeconds = 5;

/// As SOCI's MySQL backend reads values: in quotes, with backslashes before what would end them.
std::string quoted(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

class Words {
 public:
  void add(std::string_view key, std::string_view value) {
    if (!value.empty()) text_ += fmt::format("{}={} ", key, quoted(value));
  }
  void add(std::string_view key, int value) { add(key, std::to_string(value)); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

bool exists(const std::string& file) {
  std::error_code failed;
  return std::filesystem::exists(file, failed);
}

/// libpq's own places, which go first.
bool libpq_has_authorities() {
  const char* home = std::getenv("HOME");
  return std::getenv("PGSSLROOTCERT") != nullptr ||
         (home != nullptr && exists(std::string(home) + "/.postgresql/root.crt"));
}

/// The mode that is in force.
std::string_view ssl_mode_of(const http::DatabaseUrl& url) {
  const std::string_view mode = url.option("ssl-mode");
  if (!mode.empty()) return mode;
  return url.option("ssl-ca").empty() ? "PREFERRED" : "VERIFY_CA";
}

/// The library takes a host with semicolons for a list of options.
std::string host_of_mysql(const http::DatabaseUrl& url) {
  std::string host = url.host;
  // Its own "localhost" is a socket at a place of its own, whatever the port is.
  if (host == "localhost") host = "LOCALHOST";
  const std::string_view mode = ssl_mode_of(url);
  if (mode == "DISABLED") return host;
  std::string options = fmt::format("host={};ssl-enforce=1", host);
  if (mode == "VERIFY_IDENTITY") options += ";ssl-verify-server-cert=1";
  return options;
}

}  // namespace

std::string postgresql_words(const http::DatabaseUrl& url, const std::string& authorities) {
  // As a URL: SOCI would take words with quotes apart at their spaces. Of two the last counts.
  std::string text = "postgresql://?application_name=sluice";
  const auto add = [&text](std::string_view key, std::string_view value) {
    if (!value.empty()) text += fmt::format("&{}={}", key, http::percent_encode(value));
  };
  add("connect_timeout", std::to_string(kConnectSeconds));
  // A server that vanished without a word is noticed within half a minute.
  add("keepalives_idle", "10");
  add("keepalives_interval", "5");
  add("keepalives_count", "3");
  add("tcp_user_timeout", "30000");
  add("host", url.host);
  add("port", std::to_string(url.port));
  add("user", url.user);
  add("password", url.password.expose());
  add("dbname", url.name);
  if (url.option("sslmode") == "verify-full" && !libpq_has_authorities()) {
    add("sslrootcert", authorities);
  }
  for (const auto& [key, value] : url.options) add(key, value);
  add("client_encoding", "UTF8");
  return text;
}

std::string mysql_words(const http::DatabaseUrl& url, Patience patience) {
  Words words;
  const std::string_view socket = url.option("socket");
  if (socket.empty()) {
    words.add("host", host_of_mysql(url));
    words.add("port", url.port);
    if (ssl_mode_of(url) != "DISABLED") {
      words.add("sslca", url.option("ssl-ca"));
      words.add("sslcert", url.option("ssl-cert"));
      words.add("sslkey", url.option("ssl-key"));
    }
  } else {
    words.add("unix_socket", socket);
  }
  words.add("user", url.user);
  words.add("password", url.password.expose());
  words.add("db", url.name);
  words.add("charset", "utf8mb4");
  const std::string_view timeout = url.option("connect_timeout");
  words.add("connect_timeout", timeout.empty() ? std::to_string(kConnectSeconds) : timeout);
  if (patience == Patience::kQuick) {
    // Longer than a statement may last, for a server that vanished without a word.
    words.add("read_timeout", kStatementSeconds + 10);
    words.add("write_timeout", kStatementSeconds + 10);
  }
  return words.text();
}

bool mysql_must_encrypt(const http::DatabaseUrl& url) {
  const std::string_view mode = ssl_mode_of(url);
  return url.option("socket").empty() && mode != "DISABLED" && mode != "PREFERRED";
}

std::string system_authorities() {
  if (const char* chosen = std::getenv("SSL_CERT_FILE")) return chosen;
  // Debian and Arch, Fedora, SUSE, Alpine.
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    if (exists(file)) return file;
  }
  return {};
}

}  // namespace sluice::store::server
