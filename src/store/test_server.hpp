// Database servers for tests: one of each kind for a test binary, started when a test first needs
// it, and one database for each test.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "store/dialect.hpp"

namespace sluice::store::testing {

class TempFolder;

class TestServer {
 public:
  /// Throws where the server is not installed or does not start, with what it said.
  static TestServer& of(Server kind);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  /// The URL of a new, empty database.
  std::string make_database();
  /// As a power cut would, and again on the same port.
  void kill();
  void start();

 private:
  explicit TestServer(Server kind);
  std::string url(const std::string& name) const;

  const Server kind_;
  const std::unique_ptr<TempFolder> folder_;
  int port_ = 0;
  pid_t process_ = 0;
  int databases_ = 0;
};

}  // namespace sluice::store::testing
