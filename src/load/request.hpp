// The one request that a run sends again and again.
#pragma once

#include <string>

#include "base/error.hpp"
#include "load/options.hpp"
#include "net/origin.hpp"

namespace sluice::load {

struct Request {
  net::Origin origin;
  std::string target;  // http://host:port/path, for people
  std::string head;    // up to and with the blank line
  std::string body;
};

/// kInvalidRequest for a URL that cannot be used, kTls for a trust store that cannot be read.
Result<Request> make_request(const Options& options);

}  // namespace sluice::load
