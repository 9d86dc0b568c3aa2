// What the requests of one event loop share.
#pragma once

#include "net/http_client.hpp"
#include "observe/live.hpp"
#include "observe/metrics.hpp"
#include "relay/snapshot.hpp"

namespace sluice::relay {

/// Loop thread only. Outlives every request.
struct LoopContext {
  net::Loop& loop;
  net::HttpClient& client;
  observe::LoopMetrics& metrics;
  observe::LiveShard& live;
  SnapshotPtr snapshot;  // of requests that begin now
};

}  // namespace sluice::relay
