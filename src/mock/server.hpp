// The scripted upstream as a server: `sluice mock`, and in the process of a test.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "mock/stats.hpp"

namespace sluice::mock {

struct Options {
  std::string host = "127.0.0.1";  // numeric, or "localhost"
  uint16_t port = 9900;            // 0: any free one
  int threads = 1;                 // event loops
};

class Server {
 public:
  /// Listens, and answers on threads of its own. kIo when the address is taken.
  static Result<std::unique_ptr<Server>> start(const Options& options);
  /// Stops, if that was not done.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const { return port_; }
  Stats& stats() { return stats_; }

  /// Cuts what is running short and waits until every connection is closed.
  void stop();

 private:
  struct Worker;
  explicit Server(int threads);

  Stats stats_;
  uint16_t port_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

/// The subcommand: serves until SIGTERM or SIGINT, then returns the exit code. The first line on
/// stdout is "Scripted upstream on :PORT". Call it before other threads are started: it blocks
/// both signals for the whole process.
Result<int> run(const Options& options);

}  // namespace sluice::mock
