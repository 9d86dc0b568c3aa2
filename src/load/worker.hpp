// One thread of a run: an event loop and its share of the load.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <unordered_set>

#include "load/options.hpp"
#include "load/request.hpp"
#include "load/tally.hpp"
#include "net/blocking_pool.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "net/task_group.hpp"

namespace sluice::load {

/// When what happens counts. The end is TimePoint::max() where only the requests bound a run.
struct Window {
  TimePoint start;  // of the run
  TimePoint begin;  // of the measurement
  TimePoint end;
};

/// What one thread does of the whole.
struct Share {
  int index = 0;
  uint32_t concurrency = 1;
  double rate = 0;
  uint64_t requests = 0;  // 0: no limit
};

class Worker {
 public:
  /// All references outlive the worker.
  Worker(const Options& options, const Request& request, net::BlockingPool& pool, Share share,
         Window window);
  ~Worker();

  /// Does the share; returns when its last request has ended. `at_edge` is called on this thread
  /// at the window's begin and at its end, or when the last request has ended if that is sooner.
  void run(const std::function<void(bool at_begin)>& at_edge);
  /// Starts nothing more and cancels what is running. Any thread, before or while run() runs.
  void interrupt();

  /// Once run() has returned.
  const Tally& tally() const { return tally_; }

 private:
  class Pacer;
  struct Answer;

  net::Task<void> main(const std::function<void(bool)>& at_edge);
  net::Task<void> edges(const std::function<void(bool)>& at_edge, net::Scope& scope);
  net::Task<void> closed_loop(uint32_t place);
  net::Task<void> open_request(TimePoint due);
  void start_due();
  bool may_start(TimePoint due) const;

  // False when no connection could be had.
  net::Task<bool> exchange(TimePoint due);
  // How a request is to be reset, if it is.
  struct Abort {
    uint32_t after_events = 0;
    bool at_time = false;
  };
  Abort choose_abort();
  enum class Attempt : uint8_t { kDone, kStale, kNoConnection };
  net::Task<Attempt> attempt(net::Scope& scope, TimePoint due, bool fresh, Abort abort);
  net::Task<void> drain(std::unique_ptr<net::UpstreamConnection> connection, net::Scope& scope);
  net::Task<void> read_answer(std::unique_ptr<net::UpstreamConnection> connection,
                              net::Scope& scope, TimePoint due, Abort abort);
  void take(Answer& answer, std::string_view bytes, TimePoint now);
  void take_content(Answer& answer, std::string_view data, TimePoint now);
  void finish(const Answer& answer, net::BodyPiece::Kind how);
  void reset(std::unique_ptr<net::UpstreamConnection> connection, TimePoint due);
  bool measured(TimePoint at) const { return at >= window_.begin && at < window_.end; }
  void failed(Failure failure) { ++tally_.failed[static_cast<size_t>(failure)]; }

  const Options& options_;
  const Request& request_;
  const Share share_;
  const Window window_;
  net::Loop loop_;
  net::HttpClient client_;
  net::TaskGroup group_;
  net::Event all_started_;  // open loop: nothing is left to start
  std::unique_ptr<Pacer> pacer_;
  std::deque<TimePoint> backlog_;  // due, but held back by the limit of requests in flight
  std::unordered_set<net::Scope*> running_;
  std::mt19937_64 random_;
  uint64_t planned_ = 0;  // started or in the backlog
  uint32_t in_flight_ = 0;
  bool all_due_ = false;  // open loop: the last arrival has come
  bool interrupted_ = false;
  Tally tally_;
};

}  // namespace sluice::load
