#include "admin/service.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <optional>

#include "admin/input.hpp"
#include "admin/routes.hpp"
#include "http/url.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

constexpr std::string_view kRoot = "/api/admin/";

struct Route {
  std::string_view method;
  std::string_view pattern;  // below kRoot; a "*" is any one segment
  Result<Answer> (*handle)(const Call& call);
};

// The first that fits.
constexpr Route kRoutes[] = {
    {"GET", "wallets", list_wallets},
    {"POST", "wallets/verify", verify},
    {"GET", "users/*/wallet", show_wallet},
    {"GET", "users/*/wallet/transactions", list_transactions},
    {"POST", "users/*/wallet/top-up", top_up},
    {"POST", "users/*/wallet/adjust", adjust},
    {"GET", "keys", list_keys},
    {"POST", "keys", create_key},
    {"DELETE", "keys/*", delete_key},
    {"GET", "usage", list_usage},
    {"GET", "usage/summary", summarize_usage},
    {"GET", "usage/*", show_usage},
    {"POST", "backup", backup},
};

std::string_view take_segment(std::string_view& path) {
  const size_t slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  return segment;
}

/// The variable segment, empty when there is none; nullopt when the path is another.
std::optional<std::string_view> match(std::string_view pattern, std::string_view path) {
  std::string_view argument;
  if (path.ends_with('/')) return std::nullopt;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view found = take_segment(path);
    if (wanted == "*" && !found.empty()) {
      argument = found;
    } else if (wanted != found) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return argument;
}

}  // namespace

std::string Service::methods_of(std::string_view path) {
  std::string methods;
  if (!path.starts_with(kRoot)) return methods;
  path.remove_prefix(kRoot.size());
  const Route* last = nullptr;
  for (const Route& route : kRoutes) {
    // "usage/summary" is not also a "usage/*".
    if (!match(route.pattern, path) || (last != nullptr && last->pattern != route.pattern))
      continue;
    if (!methods.empty()) methods += ", ";
    methods += route.method;
    last = &route;
  }
  return methods;
}

bool Service::takes_long(std::string_view path) {
  return path.ends_with("/verify") || path.ends_with("/backup") || path.ends_with("/summary");
}

Result<Answer> Service::handle(const Request& request) {
  const std::string_view target = request.target;
  const size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  const std::string methods = methods_of(path);
  if (methods.empty()) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no route {}", path.substr(0, 200)));
  }
  for (const Route& route : kRoutes) {
    if (route.method != request.method) continue;
    const auto argument = match(route.pattern, path.substr(kRoot.size()));
    if (!argument) continue;
    auto decoded = http::percent_decode(*argument);
    if (!decoded) return fail(ErrorCode::kInvalidRequest, "the path has a broken %-escape");
    return route.handle(
        {.service = *this, .request = request, .query = query, .argument = std::move(*decoded)});
  }
  return fail(ErrorCode::kMethodNotAllowed, "this route takes " + methods);
}

Result<Answer> backup(const Call& call) {
  if (!call.request.local) {
    return fail(ErrorCode::kPermissionDenied,
                "a backup names a file of the gateway's machine: use sluice backup there");
  }
  auto fields = Fields::parse(call.request.body, {"file"});
  if (!fields) return std::unexpected(fields.error());
  auto file = fields->required_text("file", 4000);
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

}  // namespace sluice::admin
