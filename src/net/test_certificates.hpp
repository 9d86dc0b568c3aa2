// Certificates made for one test, in a folder that goes with it.
#pragma once

#include <string>

namespace sluice::net {

/// A certification authority of its own, and a server certificate from it for "localhost" and
/// 127.0.0.1. PEM files.
class TestCertificates {
 public:
  TestCertificates();
  ~TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  std::string ca_file() const { return folder_ + "/ca.pem"; }
  std::string cert_file() const { return folder_ + "/server.pem"; }
  std::string key_file() const { return folder_ + "/server.key"; }
  std::string other_key_file() const { return folder_ + "/ca.key"; }

 private:
  std::string folder_;
};

}  // namespace sluice::net
