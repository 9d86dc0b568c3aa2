#include "mock/server.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>
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

namespace {

/// Listening sockets share their port (SO_REUSEPORT), with another process too. Two scripted
/// upstreams on one port would each see a part of the requests: that is refused.
Status expect_free(const std::string& host, uint16_t port) {
  const auto address = net::parse_address(host == "localhost" ? "127.0.0.1" : host, port);
  if (!address) return std::unexpected(address.error());
  const int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound =
      bind(fd, reinterpret_cast<const sockaddr*>(&address->storage), address->length) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (bound) return {};
  return fail(ErrorCode::kIo, fmt::format("cannot listen on {}:{}: {}", host, port,
                                          std::generic_category().message(error)));
}

}  // namespace

Server::Server(int threads) : stats_(static_cast<size_t>(threads)) {}

Server::~Server() { stop(); }

Result<std::unique_ptr<Server>> Server::start(const Options& options) {
  const int threads = std::clamp(options.threads, 1, 64);
  if (options.port != 0) {
    if (const Status free = expect_free(options.host, options.port); !free) {
      return std::unexpected(free.error());
    }
  }
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
