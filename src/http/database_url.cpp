#include "http/database_url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "base/text.hpp"
#include "http/url.hpp"

namespace sluice::http {
namespace {

using Kind = DatabaseUrl::Kind;

struct Scheme {
  std::string_view prefix;
  Kind kind;
};

constexpr Scheme kSchemes[] = {{"postgresql://", Kind::kPostgresql},
                               {"postgres://", Kind::kPostgresql},
                               {"mysql://", Kind::kMysql},
                               {"mariadb://", Kind::kMysql}};

constexpr std::string_view kPostgresqlOptions[] = {"application_name",
                                                   "channel_binding",
                                                   "connect_timeout",
                                                   "gssencmode",
                                                   "host",
                                                   "krbsrvname",
                                                   "options",
                                                   "passfile",
                                                   "require_auth",
                                                   "ssl_min_protocol_version",
                                                   "sslcert",
                                                   "sslcrl",
                                                   "sslkey",
                                                   "sslmode",
                                                   "sslpassword",
                                                   "sslrootcert",
                                                   "target_session_attrs"};

constexpr std::string_view kMysqlOptions[] = {"connect_timeout", "socket",  "ssl-ca",
                                              "ssl-cert",        "ssl-key", "ssl-mode"};

constexpr std::string_view kSslModes[] = {"disable", "allow",     "prefer",
                                          "require", "verify-ca", "verify-full"};

constexpr std::string_view kMysqlSslModes[] = {"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA",
                                               "VERIFY_IDENTITY"};

std::unexpected<Error> bad(std::string what) { return fail(ErrorCode::kConfig, std::move(what)); }

Status check_option(Kind kind, const std::string& key, const std::string& value) {
  const std::span<const std::string_view> known =
      kind == Kind::kPostgresql ? std::span<const std::string_view>(kPostgresqlOptions)
                                : std::span<const std::string_view>(kMysqlOptions);
  if (std::ranges::find(known, key) == known.end()) {
    const std::string_view near = nearest(key, known);
    return bad(fmt::format("unknown option \"{}\"{}", key,
                           near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
  }
  if (key == "sslmode" && std::ranges::find(kSslModes, value) == std::end(kSslModes)) {
    return bad("sslmode must be disable, allow, prefer, require, verify-ca or verify-full");
  }
  if (key == "ssl-mode" && std::ranges::find(kMysqlSslModes, value) == std::end(kMysqlSslModes)) {
    return bad("ssl-mode must be DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY");
  }
  if (key == "connect_timeout") {
    const auto seconds = parse_u64(value);
    if (!seconds || *seconds < 1 || *seconds > 600) {
      return bad("connect_timeout must be a number of seconds from 1 to 600");
    }
  }
  return {};
}

Status read_options(std::string_view query, DatabaseUrl& url) {
  for (auto& [key, value] : parse_query(query)) {
    if (Status sound = check_option(url.kind, key, value); !sound) return sound;
    if (!url.option(key).empty()) return bad(fmt::format("option \"{}\" is given twice", key));
    url.options.emplace_back(std::move(key), std::move(value));
  }
  if (url.option("ssl-cert").empty() != url.option("ssl-key").empty()) {
    return bad("ssl-cert and ssl-key need each other");
  }
  if (url.option("ssl-mode") == "VERIFY_CA" && url.option("ssl-ca").empty()) {
    return bad("ssl-mode=VERIFY_CA needs ssl-ca, the file with the authority's certificate");
  }
  return {};
}

Status read_address(std::string_view address, DatabaseUrl& url) {
  std::string_view port;
  if (address.starts_with('[')) {
    const size_t end = address.find(']');
    if (end == std::string_view::npos) return bad("the IPv6 address lacks its ]");
    url.host = address.substr(1, end - 1);
    port = address.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return bad("only a port may follow the ]");
    if (!port.empty()) port.remove_prefix(1);
  } else {
    const size_t colon = address.find(':');
    const auto host = percent_decode(address.substr(0, colon));
    if (!host) return bad("the host has a bad percent escape");
    url.host = *host;
    if (colon != std::string_view::npos) port = address.substr(colon + 1);
  }
  // MariaDB's library would read options from it.
  if (url.host.find_first_of(";={} ") != std::string::npos) return bad("the host is not sound");
  url.port = url.kind == Kind::kPostgresql ? 5432 : 3306;
  if (port.empty()) return {};
  const auto number = parse_u64(port);
  if (!number || *number < 1 || *number > 65535) {
    return bad(
        "the port is no number from 1 to 65535; a password with one of : / ? # @ % needs "
        "percent escapes for these");
  }
  url.port = static_cast<uint16_t>(*number);
  return {};
}

Status read_user(std::string_view user, DatabaseUrl& url) {
  const size_t colon = user.find(':');
  const auto name = percent_decode(user.substr(0, colon));
  const auto password =
      percent_decode(colon == std::string_view::npos ? std::string_view{} : user.substr(colon + 1));
  if (!name || !password) {
    return bad("the user or the password has a bad percent escape; write % as %25");
  }
  url.user = *name;
  url.password = Secret(*password);
  return {};
}

}  // namespace

std::string_view DatabaseUrl::option(std::string_view key) const {
  for (const auto& [given, value] : options) {
    if (given == key) return value;
  }
  return {};
}

std::string DatabaseUrl::shown() const {
  return fmt::format("{}://{}{}{}:{}/{}", kind == Kind::kPostgresql ? "postgresql" : "mysql", user,
                     user.empty() ? "" : "@", host.contains(':') ? fmt::format("[{}]", host) : host,
                     port, name);
}

bool is_database_server(std::string_view text) {
  return std::ranges::any_of(kSchemes,
                             [&](const Scheme& each) { return text.starts_with(each.prefix); });
}

Result<DatabaseUrl> parse_database_url(std::string_view text) {
  const auto* scheme = std::ranges::find_if(
      kSchemes, [&](const Scheme& each) { return text.starts_with(each.prefix); });
  if (scheme == std::end(kSchemes)) {
    return bad("must begin with postgresql:// or mysql://");
  }
  text.remove_prefix(scheme->prefix.size());
  DatabaseUrl url;
  url.kind = scheme->kind;
  if (text.contains('#')) return bad("has a #; in a password write it as %23");

  const size_t question = text.find('?');
  const std::string_view query =
      question == std::string_view::npos ? std::string_view{} : text.substr(question + 1);
  text = text.substr(0, question);
  const size_t slash = text.find('/');
  const std::string_view authority = text.substr(0, slash);
  const auto name = percent_decode(slash == std::string_view::npos ? "" : text.substr(slash + 1));
  if (!name || name->contains('/')) return bad("the name of the database is not sound");
  if (name->empty()) return bad("names no database: .../NAME");
  url.name = *name;

  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    if (Status read = read_user(authority.substr(0, at), url); !read) {
      return std::unexpected(read.error());
    }
  }
  const std::string_view address =
      at == std::string_view::npos ? authority : authority.substr(at + 1);
  if (Status read = read_address(address, url); !read) return std::unexpected(read.error());
  if (Status read = read_options(query, url); !read) return std::unexpected(read.error());
  if (url.host.empty() && url.option("host").empty() && url.option("socket").empty()) {
    return bad("names no host");
  }
  if (url.user.empty() && url.kind == Kind::kMysql) return bad("names no user");
  return url;
}

std::string mysql_url(std::string_view host, std::string_view port, std::string_view user,
                      std::string_view password, std::string_view name) {
  const std::string address = host.contains(':') ? fmt::format("[{}]", host) : percent_encode(host);
  return fmt::format("mysql://{}{}{}@{}{}{}/{}", percent_encode(user), password.empty() ? "" : ":",
                     percent_encode(password), address, port.empty() ? "" : ":", port,
                     percent_encode(name));
}

}  // namespace sluice::http
