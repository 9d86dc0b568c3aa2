// The header fields that cross the gateway, and those that it adds.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/cidr.hpp"
#include "base/secret.hpp"
#include "dialect/request.hpp"
#include "http/head.hpp"
#include "net/http_call.hpp"
#include "quota/admission.hpp"
#include "relay/snapshot.hpp"

namespace sluice::relay {

/// The credential a client presents: of `Authorization: Bearer`, else of `x-api-key`; empty when
/// there is none.
std::string_view client_credential(const http::Fields& fields);

/// Who calls, as far as the trusted proxies can be believed.
IpAddress client_of(const net::HttpCall& call, std::span<const Cidr> trusted_proxies);

/// What an upstream request head is made of.
struct UpstreamRequest {
  const http::RequestHead& client;
  const Upstream& upstream;
  dialect::Endpoint endpoint;   // the upstream's
  std::string_view model = {};  // the upstream's name; only Gemini's path has it
  /// The client speaks another dialect: what it says in its own words is not meant for upstream.
  bool translated = false;
  /// What follows the endpoint's path, "/count_tokens"; or stands in place of its method where
  /// that begins with a colon, ":countTokens".
  std::string_view below = {};
  bool stream = false;
  size_t body_size = 0;
  const Secret* credential = nullptr;  // null: call without
  std::string_view request_id;
  std::string_view traceparent;
  bool trace_continued = false;
};

/// The request head to send, blank line included. All that the client sent goes along but for
/// hop-by-hop fields, host, cookies, credentials and what the gateway says itself. The fields of
/// the provider's configuration win over both.
std::string upstream_head(const UpstreamRequest& request);

/// The same to ask an upstream for its models. `credential` null: call without.
std::string model_list_head(const Upstream& upstream, const Secret* credential);

/// Appends the upstream's fields that a client gets: content type, anthropic-*, openai-*,
/// rate limits and retry-after. Their names come in lower case. What stands in `headers` already is
/// the gateway's own and wins.
/// Without its rate limits where `hide_limits`: those are of all that share its key.
void pass_response_headers(const http::Fields& upstream, bool hide_limits,
                           net::HeaderList& headers);

/// Where the key's own limits stand, in place of what is there of the same name.
void add_limits(const quota::LimitState& limits, net::HeaderList& headers);

/// The body is server-sent events.
bool is_event_stream(const http::Fields& fields);

/// What every streamed answer says.
void add_stream_headers(net::HeaderList& headers);

/// The query of the client's request line as it goes upstream: without credentials.
std::string upstream_query(std::string_view query);

}  // namespace sluice::relay
