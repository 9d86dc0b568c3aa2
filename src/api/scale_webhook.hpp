// Tells a URL of the operator's when more or fewer workers are wanted: routing.scale_webhook.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "net/http_client.hpp"
#include "net/task_group.hpp"
#include "workers/dispatcher.hpp"

namespace sluice::api {

/// POSTs a JSON object with `model`, `saturation`, `saturated`, `queue_depth`,
/// `oldest_wait_seconds`, `workers`, `desired_workers` and `time` (RFC 3339) when a model's workers
/// become full or free, or other workers are wanted while they are full. At most one in kPause for
/// a model; what happens meanwhile is in the next. Whatever is not answered with 2xx is sent again
/// up to kRetries times.
///
/// Loop thread only. Await end() before destroying it.
class ScaleWebhook {
 public:
  static constexpr Duration kPause = std::chrono::seconds(10);
  static constexpr int kRetries = 3;
  static constexpr size_t kMostAtOnce = 16;  // models; others have their turn a moment later

  /// `backoff`: before the first retry; twice that before the second, and so on.
  explicit ScaleWebhook(net::HttpClient& client, Duration backoff = std::chrono::seconds(1))
      : client_(client), backoff_(backoff) {}

  /// Compares with what was told last, and begins to send what is new; never waits. `url`: as the
  /// configuration has it; empty: nobody is told.
  void look(const std::vector<workers::QueueFigures>& figures, const std::string& url,
            net::Loop& loop);
  /// Gives up what is on its way, and waits until it has ended.
  net::Task<void> end();

 private:
  struct Place {
    net::Origin origin;
    std::string host;  // of a Host field
    std::string path;
  };
  /// One message on its way.
  struct Sending {
    explicit Sending(net::Loop& loop) : scope(loop) {}
    net::Scope scope;
    std::string model;
    std::string body;
    Place place;
  };
  struct Told {
    bool saturated = false;
    int desired_workers = 0;
    TimePoint next{};  // not before
    std::shared_ptr<Sending> sending;
  };

  static Result<Place> place_of(const std::string& url);
  void use(const std::string& url);
  net::Task<void> send(std::shared_ptr<Sending> sending);
  net::Task<Status> post(Sending& sending);

  net::HttpClient& client_;
  const Duration backoff_;
  std::string url_;
  std::optional<Place> place_;
  std::map<std::string, Told, std::less<>> told_;  // by model
  net::TaskGroup tasks_;
};

}  // namespace sluice::api
