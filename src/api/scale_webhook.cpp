#include "api/scale_webhook.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "http/url.hpp"
#include "json/writer.hpp"
#include "observe/log.hpp"

namespace sluice::api {

namespace {

constexpr auto kTimeout = std::chrono::seconds(5);  // of one try

std::string to_json(const workers::QueueFigures& figures) {
  int64_t depth = 0;
  for (const int64_t each : figures.depth) depth += each;
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("model", figures.model)
      .member("saturation", figures.saturation)
      .member("saturated", figures.saturated)
      .member("queue_depth", depth)
      .member("oldest_wait_seconds", seconds(figures.oldest))
      .member("workers", figures.workers)
      .member("desired_workers", figures.desired_workers)
      .member("time", rfc3339(wall_nanos()))
      .end_object();
  return body;
}

}  // namespace

Result<ScaleWebhook::Place> ScaleWebhook::place_of(const std::string& url) {
  auto parsed = http::parse_request_url(url);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  Place place{.origin = {}, .host = parsed->host_header(), .path = std::move(parsed->path)};
  place.origin.host = std::move(parsed->host);
  place.origin.port = parsed->port;
  if (parsed->tls) {
    auto tls = net::TlsContext::client("");
    if (!tls) return std::unexpected(std::move(tls.error()));
    place.origin.tls = std::move(*tls);
  }
  place.origin.pool_key = fmt::format("scale webhook {}", url);
  return place;
}

void ScaleWebhook::use(const std::string& url) {
  if (url == url_) return;
  url_ = url;
  place_.reset();
  if (url.empty()) return;
  auto place = place_of(url);
  if (place) {
    place_ = std::move(*place);
  } else {
    log::warn("the scale webhook cannot be called", {{"reason", place.error().message}});
  }
}

void ScaleWebhook::look(const std::vector<workers::QueueFigures>& figures, const std::string& url,
                        net::Loop& loop) {
  use(url);
  if (!place_) return;
  const TimePoint now = loop.now();
  for (const workers::QueueFigures& each : figures) {
    const auto found = told_.find(each.model);
    const Told known = found == told_.end() ? Told() : found->second;
    const bool news = each.saturated != known.saturated ||
                      (each.saturated && each.desired_workers != known.desired_workers);
    if (!news || known.sending || now < known.next || tasks_.size() >= kMostAtOnce) continue;
    Told& told = told_[each.model];
    told.saturated = each.saturated;
    told.desired_workers = each.desired_workers;
    told.next = now + kPause;
    told.sending = std::make_shared<Sending>(loop);
    told.sending->model = each.model;
    told.sending->body = to_json(each);
    told.sending->place = *place_;
    tasks_.spawn(send(told.sending));
  }
  // Nothing need be remembered of a model that is free, or that nobody has.
  std::erase_if(told_, [&](const auto& entry) {
    const Told& told = entry.second;
    if (told.sending || now < told.next) return false;
    return !told.saturated || std::ranges::none_of(figures, [&](const auto& each) {
      return each.model == entry.first;
    });
  });
}

net::Task<void> ScaleWebhook::send(std::shared_ptr<Sending> sending) {
  Duration pause = backoff_;
  for (int retry = 0;; ++retry, pause *= 2) {
    const Status sent = co_await post(*sending);
    if (sent || sending->scope.cancelled()) break;
    if (retry == kRetries) {
      log::warn("the scale webhook was not heard",
                {{"model", sending->model}, {"reason", sent.error().message}});
      break;
    }
    const TimePoint next = sending->scope.loop().now() + pause;
    co_await net::Sleep(sending->scope, next);
    if (sending->scope.cancelled()) break;
  }
  if (const auto told = told_.find(sending->model); told != told_.end()) {
    told->second.sending.reset();
  }
}

net::Task<Status> ScaleWebhook::post(Sending& sending) {
  net::Scope& scope = sending.scope;
  scope.set_deadline(scope.loop().now() + kTimeout);
  auto connection = co_await client_.acquire(sending.place.origin, true, scope);
  if (!connection) co_return std::unexpected(std::move(connection.error()));
  const std::string head = fmt::format(
      "POST {} HTTP/1.1\r\nhost: {}\r\nuser-agent: sluice\r\ncontent-type: application/json\r\n"
      "content-length: {}\r\nconnection: close\r\n\r\n",
      sending.place.path, sending.place.host, sending.body.size());
  auto status = co_await (*connection)->send(head, sending.body, scope);
  if (status) status = co_await (*connection)->read_head("POST", scope);
  if (!status) co_return std::unexpected(std::move(status.error()));
  // What else it says is of no interest.
  const int code = (*connection)->head().status;
  if (code < 200 || code > 299) {
    co_return fail(ErrorCode::kUpstreamError, fmt::format("it answered {}", code));
  }
  co_return Status{};
}

net::Task<void> ScaleWebhook::end() {
  for (const auto& [model, told] : told_) {
    if (told.sending) told.sending->scope.cancel(net::CancelReason::kDraining);
  }
  if (tasks_.size() == 0) co_return;
  for (const auto& [model, told] : told_) {
    if (!told.sending) continue;
    net::Scope join(told.sending->scope.loop());
    co_await tasks_.empty(join);
    co_return;
  }
}

}  // namespace sluice::api
