// Administration of wallets, keys and usage: the routes below /api/admin, whoever asks. They are
// the same over HTTP, through the Unix socket of a running gateway, and inside a command that has
// opened the database itself.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "quota/registry.hpp"
#include "store/database.hpp"

namespace sluice::admin {

/// Longer bodies are refused.
inline constexpr size_t kMaxBody = 64 * 1024;

struct Request {
  std::string method;
  std::string target;  // path and query, as on the wire
  std::string body;    // JSON
  std::string actor;   // who asks, as the ledger will name him
  /// From this machine's shell, not over the network: may name files.
  bool local = false;
};

struct Answer {
  int status = 200;
  std::string body;  // JSON
};

/// What a gateway that runs must hear of. A command alone has neither.
struct Running {
  quota::Registry* registry = nullptr;
  /// Called after a key was made or deleted, on the thread of handle(). When it returns, or within
  /// 100 ms of that, the new keys are in force on every loop.
  std::function<void()> keys_changed = {};
};

/// Thread-safe. handle() blocks on the database.
class Service {
 public:
  /// `database` and what `running` points to outlive this.
  explicit Service(store::Database& database, Running running = {})
      : database_(database), running_(std::move(running)) {}

  /// kInvalidRequest with the field at fault, kNotFound, kMethodNotAllowed, kPermissionDenied,
  /// kLedgerUnavailable.
  Result<Answer> handle(const Request& request);

  /// The methods that a path takes, separated by ", "; empty when there is no such route.
  static std::string methods_of(std::string_view path);
  /// True for work that grows with the database, and may take minutes.
  static bool takes_long(std::string_view path);

  // For the routes.
  store::Database& database() { return database_; }
  const Running& running() const { return running_; }
  std::mutex& key_changes() { return key_changes_; }

 private:
  store::Database& database_;
  Running running_;
  std::mutex key_changes_;  // a name that is looked for must not be taken meanwhile
};

}  // namespace sluice::admin
