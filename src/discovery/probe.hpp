// Asks a service how it is, and which models it has.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "net/http_client.hpp"

namespace sluice::discovery {

/// Where a service is asked. Made once for each.
struct Place {
  net::Origin origin;
  std::string host;    // of a Host field
  std::string health;  // path

  /// As a base URL for requests.
  std::string endpoint() const;
};

/// kConfig for what cannot be asked, with the reason for people.
Result<Place> place_of(const config::Service& service);

/// Answers with 2xx within the scope's deadline. The error says what came instead.
net::Task<Status> ask_health(net::HttpClient& client, const Place& place, net::Scope& scope);

/// The names at /v1/models, or at /models where there is no such path.
net::Task<Result<std::vector<std::string>>> ask_models(net::HttpClient& client, const Place& place,
                                                       const Secret& api_key, net::Scope& scope);

/// The ids of a list in OpenAI's or Google's shape; bad entries are left out, and what is more
/// than a worker may have.
std::vector<std::string> read_model_ids(std::string_view body);

}  // namespace sluice::discovery
