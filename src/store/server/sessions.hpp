// The connections to a database server: a bounded number, opened when they are needed, and opened
// anew when the server went away.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "http/database_url.hpp"
#include "store/server/connect.hpp"
#include "store/sessions.hpp"

namespace sluice::store::server {

class ServerSessions final : public Sessions {
 public:
  struct Failed {
    Failure failure;
    Error error;
  };

  /// At most `most` connections; who comes later waits for one, and not for ever.
  ServerSessions(http::DatabaseUrl url, size_t most);

  /// Is called before each read() and write().
  void before_work(std::function<void()> hook) { before_work_ = std::move(hook); }

  /// Each write() notes what it has changed, by `origin`: there are no triggers that do.
  void note_changes(std::string origin) { origin_ = std::move(origin); }

  /// One writing transaction, tried once; what `work` returns says whether to commit.
  std::expected<void, Failed> try_write(const std::function<bool(soci::session&)>& work);

  /// One reading transaction, tried once, that does not wait for what has been settled.
  std::expected<void, Failed> try_read(const std::function<void(soci::session&)>& work);

  const http::DatabaseUrl& url() const { return url_; }

 protected:
  Status run_read(const std::function<void(soci::session&)>& work, bool patient) override;
  Status run_write(const std::function<bool(soci::session&)>& work) override;

 private:
  using Session = std::unique_ptr<soci::session>;

  std::expected<void, Failed> transact(const char* begin,
                                       const std::function<bool(soci::session&)>& work);
  Status take_place();
  void give_back(Session session);

  const http::DatabaseUrl url_;
  const size_t most_;
  std::function<void()> before_work_;
  std::string origin_;  // empty: nothing is to be noted
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Session> free_;
  size_t taken_ = 0;
};

}  // namespace sluice::store::server
