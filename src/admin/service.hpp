// The management API: the routes below /api that deal with what the database keeps. They are the
// same over HTTP, through the Unix socket of a running gateway, and inside a command that has
// opened the database itself.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/principal.hpp"
#include "admin/provider_probe.hpp"
#include "admin/throttle.hpp"
#include "base/error.hpp"
#include "quota/registry.hpp"
#include "store/database.hpp"

namespace sluice::admin {

class EffectiveConfig;
class Identity;

/// Longer bodies are refused.
inline constexpr size_t kMaxBody = 64 * 1024;

struct Call;
struct Route;

struct Request {
  std::string method;
  std::string target;  // path and query, as on the wire
  std::string body;    // JSON
  Principal who;
  /// Of the request's head: those of kHeaders that it has.
  std::vector<std::pair<std::string, std::string>> headers = {};

  std::string_view header(std::string_view name) const {
    for (const auto& [each, value] : headers) {
      if (each == name) return value;
    }
    return {};
  }
};

/// A user's name or id, escaped as in a path: a shell of this machine asks as him. From anybody
/// else it means nothing.
inline constexpr std::string_view kActAsHeader = "x-sluice-user";

/// What of a request's head a route may look at; in lower case.
inline constexpr std::string_view kHeaders[] = {"cookie", "if-match", "user-agent",
                                                "x-sluice-client", kActAsHeader};

struct Answer {
  int status = 200;
  std::string body;  // JSON, unless the headers have another content-type
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// It is an error after all, which is told with these headers.
  std::optional<Error> refused = {};
};

/// What a gateway that runs must hear of. A command alone has neither.
struct Running {
  quota::Registry* registry = nullptr;
  Identity* identity = nullptr;
  EffectiveConfig* effective = nullptr;
  // Called after the database has changed, on the thread of handle(). When they return, or within
  // 100 ms of that, the change is in force on every loop.
  /// A key was made or changed, or (`gone`) deleted.
  std::function<void(const store::Key& key, bool gone)> key_changed = {};
  /// A user was made or changed.
  std::function<void(int64_t user_id)> user_changed = {};
  /// Budgets of a team's member were changed.
  std::function<void(const store::Member& member)> member_changed = {};
  /// Keys that a team paid for are paid by nobody now, since their owners have left or it is no
  /// more.
  std::function<void(const store::Teams::Ended& ended)> payer_gone = {};
  /// Anything else that a request is let in or charged by; costs more the more keys there are.
  std::function<void()> clients_changed = {};
  std::string version = {};
  Probe probe = {};  // empty: providers cannot be asked
};

/// Thread-safe. handle() blocks on the database.
class Service {
 public:
  /// `database` and what `running` points to outlive this.
  explicit Service(store::Database& database, Running running = {})
      : database_(database), running_(std::move(running)) {}

  /// kInvalidRequest with the field at fault, kNotFound, kMethodNotAllowed, kUnauthenticated,
  /// kPermissionDenied, kConflict, kPreconditionFailed, kLedgerUnavailable.
  Result<Answer> handle(Request request);

  /// The methods that a path takes, separated by ", "; empty when there is no such route.
  static std::string methods_of(std::string_view path);
  /// What a request with this method asks of its caller; kPublic where there is no such
  /// route.
  static Access access_of(std::string_view method, std::string_view path);
  /// True for work that grows with the database, and may take minutes.
  static bool takes_long(std::string_view method, std::string_view path);
  /// True for what deals with the configuration.
  static bool configures(std::string_view method, std::string_view path);
  /// True for work that waits for somebody outside, a minute at most.
  static bool asks_upstream(std::string_view method, std::string_view path);

  /// The configuration, where it was not there before: before anything else asks for it.
  /// `effective` outlives this.
  void use(EffectiveConfig& effective) { running_.effective = &effective; }

  // For the routes.
  store::Database& database() { return database_; }
  /// For routes that deal with logins, which are not reached without it.
  Identity& identity() { return *running_.identity; }
  const Running& running() const { return running_; }
  Redeeming& redeeming() { return redeeming_; }
  std::mutex& key_changes() { return key_changes_; }

 private:
  /// Who it is where the shell asks as somebody else. kNotFound.
  Result<Principal> acting(const Request& request);
  /// In the audit log.
  void note(const Route& route, const Call& call, const Result<Answer>& answer);

  store::Database& database_;
  Running running_;
  Redeeming redeeming_;
  std::mutex key_changes_;  // a name that is looked for must not be taken meanwhile
};

}  // namespace sluice::admin
