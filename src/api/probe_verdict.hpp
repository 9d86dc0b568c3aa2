// What it means how a provider has answered, or that it has not; in words for who runs the gateway.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/provider_probe.hpp"
#include "base/error.hpp"
#include "http/head.hpp"
#include "net/http_client.hpp"
#include "relay/snapshot.hpp"

namespace sluice::api {

/// Of a request that got no answer. `steps` of its connection; `sent`: it was sent.
admin::ProbeVerdict verdict_of(const Error& error, const relay::Upstream& upstream,
                               const net::ConnectSteps& steps, bool sent);

/// What was asked, and what came of it.
struct ProbeAnswer {
  int status = 0;
  std::string_view location = {};  // of a redirection
  std::string_view body = {};      // may be cut
  std::string_view model = {};     // empty: the list of models was asked for
  bool with_key = false;
};

admin::ProbeVerdict verdict_of(const ProbeAnswer& answer, const relay::Upstream& upstream);

/// How many models a list has; nullopt for what is no list of the provider's dialect.
std::optional<size_t> models_in(std::string_view body);

/// One line of at most 200 bytes, without the provider's keys and the values of its headers.
std::string presentable(std::string_view text, const config::Provider& provider);

}  // namespace sluice::api
