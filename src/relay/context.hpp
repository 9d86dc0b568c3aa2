// What the requests of one event loop share.
#pragma once

#include "accounts/logins.hpp"
#include "net/blocking_pool.hpp"
#include "net/http_client.hpp"
#include "net/resolver.hpp"
#include "observe/live.hpp"
#include "observe/metrics.hpp"
#include "relay/learned_models.hpp"
#include "relay/snapshot.hpp"
#include "relay/worker_upstreams.hpp"
#include "store/ledger.hpp"
#include "tokens/calibration.hpp"
#include "workers/dispatcher.hpp"

namespace sluice::relay {

/// Loop thread only. Outlives every request.
struct LoopContext {
  net::Loop& loop;
  net::HttpClient& client;
  /// Of hosts that clients name. On threads of its own, since whoever answers for such a host may
  /// take his time, and upstreams must be found meanwhile.
  net::Resolver& foreign_hosts;
  net::BlockingPool& blocking;
  observe::LoopMetrics& metrics;
  observe::LiveShard& live;
  store::Ledger& ledger;
  tokens::Calibration& calibration;
  LearnedModels& learned;
  workers::Dispatcher& dispatcher;
  SnapshotPtr snapshot;                // of requests that begin now
  accounts::Logins* logins = nullptr;  // null: nobody logs in
  WorkerUpstreams worker_upstreams = {};
  size_t kept_prompts = 0;  // bytes of bodies kept to count prompts from
  size_t kept_turns = 0;    // and of those kept to ask again with
};

}  // namespace sluice::relay
