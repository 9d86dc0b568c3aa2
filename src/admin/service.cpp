#include "admin/service.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <optional>

#include "admin/audit.hpp"
#include "admin/input.hpp"
#include "admin/page.hpp"
#include "admin/routes.hpp"
#include "base/text.hpp"
#include "http/url.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::admin {

namespace {

constexpr Field kBackupBody[] = {
    {"file", FieldKind::kText, "Absolute path on the gateway's machine.", true}};

Result<Answer> backup(const Call& call);

constexpr Route kBackup[] = {
    {.method = "POST",
     .pattern = "/api/admin/backup",
     .handle = backup,
     .summary = "Copies the database while everything runs.",
     .body = kBackupBody,
     .takes_long = true},
};

std::string_view take_segment(std::string_view& path) {
  const size_t slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  return segment;
}

/// The variable segments; nullopt when the path is another.
std::optional<std::vector<std::string_view>> match(std::string_view pattern,
                                                   std::string_view path) {
  std::vector<std::string_view> arguments;
  if (path.ends_with('/')) return std::nullopt;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view found = take_segment(path);
    if (wanted.starts_with('{') && !found.empty()) {
      arguments.push_back(found);
    } else if (wanted != found) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return arguments;
}

/// The pattern that a path is of: without variable segments before one that has them.
std::string_view pattern_of(std::string_view path) {
  std::string_view best;
  for (const Route& route : all_routes()) {
    if (!match(route.pattern, path)) continue;
    const bool plain = !route.pattern.contains('{');
    if (best.empty() || plain) best = route.pattern;
    if (plain) break;
  }
  return best;
}

const Route* find(std::string_view method, std::string_view pattern) {
  for (const Route& route : all_routes()) {
    if (route.pattern == pattern && route.method == method) return &route;
  }
  return nullptr;
}

}  // namespace

std::span<const Route> all_routes() {
  static const std::vector<Route> routes = [] {
    std::vector<Route> all;
    for (const auto part : {auth_routes(),
                            me_routes(),
                            own_wallet_routes(),
                            team_routes(),
                            all_team_routes(),
                            user_routes(),
                            code_routes(),
                            wallet_routes(),
                            key_routes(),
                            own_key_routes(),
                            usage_routes(),
                            usage_sum_routes(),
                            price_routes(),
                            openapi_routes(),
                            provider_routes(),
                            provider_key_routes(),
                            provider_probe_routes(),
                            routing_routes(),
                            setting_routes(),
                            audit_routes(),
                            backup_routes()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return routes;
}

std::span<const Route> backup_routes() { return kBackup; }

std::string Service::methods_of(std::string_view path) {
  std::string methods;
  const std::string_view pattern = pattern_of(path);
  for (const Route& route : all_routes()) {
    if (pattern.empty() || route.pattern != pattern) continue;
    if (!methods.empty()) methods += ", ";
    methods += route.method;
  }
  return methods;
}

Access Service::access_of(std::string_view method, std::string_view path) {
  const Route* route = find(method, pattern_of(path));
  return route != nullptr ? route->access : Access::kPublic;
}

bool Service::takes_long(std::string_view method, std::string_view path) {
  const Route* route = find(method, pattern_of(path));
  return route != nullptr && route->takes_long;
}

bool Service::configures(std::string_view method, std::string_view path) {
  const Route* route = find(method, pattern_of(path));
  return route != nullptr && route->configures;
}

bool Service::asks_upstream(std::string_view method, std::string_view path) {
  const Route* route = find(method, pattern_of(path));
  return route != nullptr && route->asks_upstream;
}

Result<Principal> Service::acting(const Request& request) {
  const std::string_view as = request.header(kActAsHeader);
  if (!request.who.local() || as.empty()) return request.who;
  const auto name = http::percent_decode(as);
  const auto nobody = fail(ErrorCode::kNotFound, "There is no such user.");
  if (!name || !check_text(*name, "user", kMaxName)) return nobody;
  const auto id = parse_u64(*name);
  store::Identities& identities = database_.identities();
  const auto user = id ? identities.user(static_cast<int64_t>(*id)) : identities.user(*name);
  if (!user) return std::unexpected(user.error());
  if (!*user) return nobody;
  return Principal::acting((*user)->id, (*user)->name, request.who.name);
}

Result<Answer> Service::handle(Request request) {
  auto who = acting(request);
  if (!who) return std::unexpected(std::move(who.error()));
  request.who = std::move(*who);
  const std::string_view target = request.target;
  const size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  const std::string_view pattern = pattern_of(path);
  if (pattern.empty()) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no route {}", path.substr(0, 200)));
  }
  const Route* route = find(request.method, pattern);
  if (route == nullptr) {
    return fail(ErrorCode::kMethodNotAllowed, "this route takes " + methods_of(path));
  }
  if (!request.who.may(route->access)) {
    if (request.who.local()) {
      return fail(ErrorCode::kUnauthenticated, "this is for a user: say as whom");
    }
    // Who comes with the admin token has not logged in.
    if (request.who.kind != Principal::Kind::kUser) {
      return fail(ErrorCode::kUnauthenticated, "log in first");
    }
    return fail(ErrorCode::kPermissionDenied, "this is for administrators");
  }
  if (route->logins && running_.identity == nullptr) {
    return fail(ErrorCode::kNotFound, "nobody logs in here");
  }
  if (route->configures && running_.effective == nullptr) {
    return fail(ErrorCode::kNotFound, "this is for a gateway that runs");
  }
  auto fields = Fields::parse(request.body, route->body);
  if (!fields) return std::unexpected(std::move(fields.error()));
  const std::vector<Field> known = query_of(*route);
  auto query = Query::parse(
      mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1), known);
  if (!query) return std::unexpected(std::move(query.error()));
  Call call{.service = *this,
            .request = request,
            .fields = std::move(*fields),
            .query = std::move(*query),
            .arguments = {}};
  const auto segments = match(pattern, path);
  for (const std::string_view segment : *segments) {
    auto decoded = http::percent_decode(segment);
    if (!decoded) return fail(ErrorCode::kInvalidRequest, "the path has a broken %-escape");
    call.arguments.push_back(std::move(*decoded));
  }
  auto answer = route->handle(call);
  if (answer && route->short_list && answer->headers.empty()) {
    if (Status kept = keep_page(call.query, *answer); !kept) return std::unexpected(kept.error());
  }
  note(*route, call, answer);
  return answer;
}

void Service::note(const Route& route, const Call& call, const Result<Answer>& answer) {
  const bool changed = answer && !answer->refused && route.method != "GET" && route.audited;
  const bool refused_login = !answer && answer.error().code == ErrorCode::kInvalidCredentials &&
                             route.access == Access::kPublic;
  if (!changed && !refused_login) return;
  const Status noted =
      database_.audit().note(changed ? audit_entry(route, call, *answer) : failed_login(call));
  // What has changed has changed.
  if (!noted) log::error("the audit log misses a change", {{"reason", noted.error().message}});
}

namespace {

Result<Answer> backup(const Call& call) {
  if (!call.request.who.local()) {
    return fail(ErrorCode::kPermissionDenied,
                "a backup names a file of the gateway's machine: use sluice backup there");
  }
  auto file = call.fields.required_text("file", 4000);
  if (!file) return std::unexpected(file.error());
  if (!file->starts_with('/')) {
    return fail(ErrorCode::kInvalidRequest, "file must be an absolute path", "file");
  }
  if (Status done = call.service.database().backup(*file); !done) {
    // Whoever may name a file may know what is wrong with it.
    return fail(ErrorCode::kInvalidRequest, done.error().message, "file");
  }
  struct stat made{};
  stat(file->c_str(), &made);
  Answer answer;
  json::Writer(answer.body)
      .begin_object()
      .member("file", *file)
      .member("bytes", static_cast<int64_t>(made.st_size))
      .end_object();
  return answer;
}

}  // namespace

}  // namespace sluice::admin
