// A server that is asked over HTTP: the engine, or a gateway.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/http_client.hpp"
#include "net/origin.hpp"

namespace sluice::agent {

struct Site {
  net::Origin origin;
  std::string url;   // for people
  std::string host;  // value of the Host field
  std::string path;  // before every path that is asked for; no slash at its end

  /// `tls` is for https and may be null otherwise. kInvalidRequest for what is no URL.
  static Result<Site> of(std::string_view url, const net::TlsContextPtr& tls);
};

struct Answer {
  int status = 0;
  std::string body;
};

struct Question {
  std::string_view method = "GET";
  std::string path;
  std::string fields;  // header lines, each with its line end
  std::string body;
  size_t limit = 0;  // bytes of the answer
  Duration timeout = std::chrono::seconds(2);
};

/// Asks once; a kept connection that turns out to be dead is replaced. The codes of
/// HttpClient::acquire() and UpstreamConnection, and kProtocol for an answer beyond the limit.
/// `site` outlives the call; the scope's deadline is replaced.
net::Task<Result<Answer>> ask(net::HttpClient& client, const Site& site, Question question,
                              net::Scope& scope);

}  // namespace sluice::agent
