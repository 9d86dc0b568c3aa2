#include "mock/server.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>
#include <utility>

#include "mock/handler.hpp"
#include "net/http_server.hpp"
#include "net/socket.hpp"

namespace sluice::mock {

/// One event loop with its listener.
struct Server::Worker {
  Worker(Stats& stats, int index)
      : loop(index), handler(stats, static_cast<size_t>(index)), server(loop, handler) {
    handler.attach(server);
  }

  net::Task<void> drain() {
    co_await server.drained(scope);
    loop.stop();
  }

  net::Loop loop;
  Handler handler;
  net::HttpServer server;
  net::Scope scope{loop};
  net::TaskGroup tasks;
  std::thread thread;
};

Server::Server(int threads) : stats_(static_cast<size_t>(threads)) {}

Server::~Server() { stop(); }

Result<std::unique_ptr<Server>> Server::start(const Options& options) {
  const int threads = std::clamp(options.threads, 1, 64);
  std::unique_ptr<Server> server(new Server(threads));
  uint16_t port = options.port;
  for (int index = 0; index < threads; ++index) {
    const auto listener = net::listen_on(options.host, port);
    if (!listener) return std::unexpected(listener.error());
    port = net::local_port(*listener);
    auto worker = std::make_unique<Worker>(server->stats_, index);
    worker->server.start(*listener);
    server->workers_.push_back(std::move(worker));
  }
  server->port_ = port;
  for (const auto& worker : server->workers_) {
    worker->thread = std::thread([&loop = worker->loop] { loop.run(); });
  }
  return server;
}

void Server::stop() {
  for (const auto& worker : workers_) {
    if (!worker->thread.joinable()) continue;
    worker->loop.post([&each = *worker] {
      each.server.stop_accepting();
      each.server.cancel_all(net::CancelReason::kRequested);
      each.tasks.spawn(each.drain());
    });
  }
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

Result<int> run(const Options& options) {
  // Thousands of streams need a descriptor each.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  // Blocked before the threads start, which inherit that: sigwait() gets them.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  auto server = Server::start(options);
  if (!server) return std::unexpected(server.error());
  std::printf("Scripted upstream on :%d\n", (*server)->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ending, &signal);
  (*server)->stop();
  return 0;
}

}  // namespace sluice::mock
