// The front door: which route a request is for, and what every answer carries.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/model_catalog.hpp"
#include "api/service.hpp"
#include "dialect/dialect.hpp"
#include "net/http_call.hpp"
#include "relay/context.hpp"

namespace sluice::api {

/// Serves the connections of one loop.
class Handler final : public net::HttpHandler {
 public:
  Handler(Service& service, relay::LoopContext& context)
      : service_(service), context_(context), catalog_(context) {}

  net::Task<void> handle(net::HttpCall& call) override;
  std::string render_refusal(int status, std::string_view reason) override;

  /// See ModelCatalog; for one loop of all.
  net::Task<void> keep_learning(net::Scope& scope, Duration first) {
    return catalog_.keep_learning(scope, first);
  }

 private:
  net::Task<void> dispatch(net::HttpCall& call);
  /// For every route but inference and the counting of tokens.
  net::Task<void> answer_other(net::HttpCall& call);
  /// `below`: what follows /workers.
  net::Task<void> answer_workers(net::HttpCall& call, std::string_view below);
  net::Task<void> answer_preflight(net::HttpCall& call);

  Service& service_;
  relay::LoopContext& context_;
  ModelCatalog catalog_;
};

/// Of the inference route at a path, with or without /v1.
std::optional<dialect::Endpoint> inference_endpoint(std::string_view path);

/// Only metrics: for their own port.
class MetricsHandler final : public net::HttpHandler {
 public:
  MetricsHandler(Service& service, relay::LoopContext& context)
      : service_(service), context_(context) {}
  net::Task<void> handle(net::HttpCall& call) override;
  std::string render_refusal(int status, std::string_view reason) override;

 private:
  Service& service_;
  relay::LoopContext& context_;
};

}  // namespace sluice::api
