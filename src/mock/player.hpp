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

  const std::string& id() const { return id_; }
  const std::string& model() const { return model_; }
  /// Returns the number of the attempt.
  uint64_t name(std::string model);
  void event_sent() { ++events_sent_; }
  uint64_t events_sent() const { return events_sent_; }
  void ended(Stats::Ending ending) { ending_ = ending; }

 private:
  Stats& stats_;
  net::Scope& scope_;
  uint64_t generation_;
  uint64_t events_sent_ = 0;
  std::string id_;
  std::string model_;
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
