// One request that asks how many tokens a prompt is, from authentication to its log line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "accounts/key_ring.hpp"
#include "dialect/errors.hpp"
#include "dialect/token_count.hpp"
#include "net/http_call.hpp"
#include "observe/live.hpp"
#include "observe/trace_context.hpp"
#include "quota/admission.hpp"
#include "relay/context.hpp"
#include "relay/remote_content.hpp"

namespace sluice::relay {

/// Asks the upstream where the model's first target can count, else counts here. Nothing is leased
/// and nothing is charged.
class CountTokens {
 public:
  /// `route` is a literal, for metrics and the log. All of it outlives this.
  CountTokens(LoopContext& context, net::HttpCall& call, dialect::CountEndpoint endpoint,
              std::string_view route);
  net::Task<void> run();

 private:
  Status authenticate();
  net::Task<Status> understand();
  /// Counts against the key's requests per minute. False: the client has been told why not.
  net::Task<bool> admit();
  /// The first target, if it is an upstream that can count.
  void choose();
  /// What it is asked.
  struct Question {
    dialect::Endpoint endpoint;
    std::string body;
    bool converted = false;  // it speaks another dialect
    std::string_view below;  // UpstreamRequest::below
  };
  net::Task<Result<Question>> question(const Upstream& upstream);
  /// What the upstream answered, if that is an answer for the client.
  struct Reply {
    int status = 0;
    net::HeaderList headers;
    std::string body;
  };
  net::Task<std::optional<Reply>> ask_upstream();
  net::Task<Result<Reply>> exchange(const Question& question, const Upstream& upstream,
                                    const Secret* credential);
  /// Sends the request and reads the answer's head.
  net::Task<Status> send(net::UpstreamConnection& connection, const Question& question,
                         const Upstream& upstream, const Secret* credential);
  /// Of a converted question: the count as the client reads it; nullopt where there is none.
  std::optional<Reply> converted(const Reply& reply) const;
  net::Task<Result<int64_t>> count();
  net::Task<void> answer();
  net::Task<void> answer_reply(Reply reply);
  net::Task<void> answer_error(const Error& error, std::optional<Duration> retry_after = {});
  net::Task<void> respond(int status, net::HeaderList headers, std::string_view body);
  void tell();

  LoopContext& context_;
  SnapshotPtr snapshot_;
  net::HttpCall& call_;
  dialect::CountEndpoint endpoint_;
  dialect::Dialect dialect_;
  std::string_view route_;
  std::string request_id_;
  observe::TraceContext trace_;
  observe::GaugeHold live_gauge_;
  std::string client_address_;
  observe::LiveEntry live_;
  const accounts::KeyRecord* key_ = nullptr;
  dialect::InferenceRequest request_;
  RemoteContent remote_;
  std::optional<route::Target> target_;
  quota::LimitState limits_;  // as they stood at the admission
  bool limited_ = false;
  bool upstream_answered_ = false;
  std::optional<ErrorCode> error_;
};

}  // namespace sluice::relay
