// Plays one answer to its client: when each event goes out, and where the script breaks it off.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mock/answer.hpp"
#include "mock/routes.hpp"
#include "mock/script.hpp"
#include "mock/stats.hpp"
#include "net/http_call.hpp"

namespace sluice::mock {

/// A request in Stats from its arrival to its end, however that comes.
class Ticket {
 public:
  Ticket(Stats& stats, net::Scope& scope, std::string id);
  ~Ticket();
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

  const std::string& id() const { return told_.id; }
  const std::string& model() const { return told_.model; }
  /// Returns the number of the attempt.
  uint64_t name(std::string model);
  /// As the peer calls the request; at most 128 bytes of it.
  void name_caller(std::string_view id) { told_.caller_id = id.substr(0, 128); }
  /// An answer to a prompt of so many tokens begins.
  void begins(uint64_t prompt_tokens) { told_.prompt_tokens = prompt_tokens; }
  void event_sent() { ++told_.events_sent; }
  void sent(uint64_t tokens) { told_.tokens_sent += tokens; }
  uint64_t events_sent() const { return told_.events_sent; }
  uint32_t pace() const { return stats_.pace(); }
  void ended(Stats::Ending ending) { ending_ = ending; }

 private:
  Stats& stats_;
  net::Scope& scope_;
  uint64_t generation_;
  Ended told_;
  Stats::Ending ending_ = Stats::Ending::kDropped;
};

/// What to send.
struct Reply {
  Dialect dialect = Dialect::kOpenAi;
  int status = 200;
  Script script;
  // One of both: an answer by script, or a body as it is.
  std::shared_ptr<const Answer> answer;
  std::string body;
  Particulars particulars;
};

net::Task<void> play(net::HttpCall& call, const Reply& reply, Ticket& ticket);

}  // namespace sluice::mock
