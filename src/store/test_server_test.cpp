#include "store/test_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "store/server/connect.hpp"
#include "store/test_store.hpp"

extern char** environ;

namespace sluice::store::testing {
namespace {

/// Making a server's files takes seconds; a machine may be busy.
constexpr auto kPatience = std::chrono::seconds(60);

/// Closed at the end of a block.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

int free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

Result<std::unique_ptr<soci::session>> connect(const std::string& url) {
  return server::connect(http::parse_database_url(url).value(), server::Patience::kQuick);
}

}  // namespace

TestServer& TestServer::of(Server kind) {
  if (kind == Server::kPostgresql) {
    static TestServer postgresql(kind);
    return postgresql;
  }
  static TestServer mysql(kind);
  return mysql;
}

TestServer::TestServer(Server kind)
    : kind_(kind), folder_(std::make_unique<TempFolder>()), port_(free_port()) {
  start();
}

TestServer::~TestServer() { kill(); }

std::string TestServer::url(const std::string& name) const {
  return fmt::format("{}://sluice:a%20secret@127.0.0.1:{}/{}",
                     kind_ == Server::kPostgresql ? "postgresql" : "mysql", port_, name);
}

void TestServer::start() {
  const std::string script = SLUICE_SOURCE_DIR "/tests/harness/database-server.sh";
  const std::string log = folder_->file("log");
  const std::string kind = kind_ == Server::kPostgresql ? "postgresql" : "mysql";
  const std::string folder = folder_->file("server");
  const std::string port = std::to_string(port_);
  const char* arguments[] = {script.c_str(), kind.c_str(), folder.c_str(), port.c_str(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  const int failed = ::posix_spawn(&process_, script.c_str(), &files, nullptr,
                                   const_cast<char**>(arguments), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error("cannot run " + script);
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)));
  const std::string maintenance = url(kind_ == Server::kPostgresql ? "postgres" : "mysql");
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::string last;
  while (std::chrono::steady_clock::now() < until) {
    if (const auto session = connect(maintenance)) return;
    int status = 0;
    if (::waitpid(process_, &status, WNOHANG) == process_) {
      process_ = 0;
      break;
    }
    // Its end is all that tells by itself.
    pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
    ::poll(&end, 1, 20);
  }
  std::ifstream in(log);
  throw std::runtime_error(fmt::format("{} did not start: {}", kind,
                                       std::string(std::istreambuf_iterator<char>(in), {})));
}

void TestServer::kill() {
  if (process_ == 0) return;
  // PostgreSQL's processes see to each other; SIGQUIT ends them at once, like a crash.
  ::kill(process_, kind_ == Server::kPostgresql ? SIGQUIT : SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
}

std::string TestServer::make_database() {
  if (process_ == 0) start();
  const auto session = connect(url(kind_ == Server::kPostgresql ? "postgres" : "mysql"));
  if (!session) throw std::runtime_error(session.error().message);
  const std::string name = fmt::format("test_{}_{}", ::getpid(), ++databases_);
  if (kind_ == Server::kPostgresql) {
    // A schema is as empty and as separate; to make a database takes a third of a second.
    **session << "CREATE SCHEMA " + name;
    return url("postgres") + "?options=-csearch_path%3D" + name;
  }
  **session << "CREATE DATABASE " + name;
  return url(name);
}

}  // namespace sluice::store::testing
