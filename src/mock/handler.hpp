// Answers the requests of one loop: finds the route, reads the script, has the answer played.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "mock/player.hpp"
#include "mock/routes.hpp"
#include "mock/stats.hpp"
#include "net/http_call.hpp"
#include "net/http_server.hpp"

namespace sluice::mock {

/// Loop thread only.
class Handler final : public net::HttpHandler {
 public:
  Handler(Stats& stats, size_t thread) : stats_(stats), thread_(thread) {}
  /// Whose connections are counted. Outlives the last request.
  void attach(const net::HttpServer& server) { server_ = &server; }

  net::Task<void> handle(net::HttpCall& call) override;
  std::string render_refusal(int status, std::string_view reason) override;

 private:
  net::Task<void> control(net::HttpCall& call);
  net::Task<void> api(net::HttpCall& call);

  /// Decides the reply to a request; `body` is all of its body.
  Reply decide(const http::RequestHead& head, std::string_view body, Ticket& ticket);
  Reply script_reply(const Place& place, const http::RequestHead& head, std::string_view body,
                     Ticket& ticket);
  std::shared_ptr<const Answer> answer_for(const Route& route, const Ask& ask,
                                           const Script& script);
  void record(const http::RequestHead& head, std::string_view body, const Ticket& ticket);

  Stats& stats_;
  size_t thread_;
  const net::HttpServer* server_ = nullptr;
  // Answers that further requests can share, by all that they follow from.
  std::unordered_map<std::string, std::shared_ptr<const Answer>> answers_;
  size_t answers_memory_ = 0;
};

}  // namespace sluice::mock
