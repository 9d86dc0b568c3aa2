#include "agent/gateway_link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "agent/beat.hpp"
#include "base/ids.hpp"
#include "json/slices.hpp"
#include "observe/log.hpp"

namespace sluice::agent {

namespace {

constexpr std::string_view kPath = "/v1/workers/heartbeat";
constexpr size_t kMaxReply = 64 * 1024;
constexpr auto kPatience = std::chrono::seconds(3);
constexpr Duration kFirstBackoff = std::chrono::milliseconds(250);

/// A factor of 0.9 to 1.1, so that workers that began together do not stay together.
Duration with_jitter(Duration duration) {
  const double factor = 0.9 + 0.2 * static_cast<double>(random_u64() >> 11) * 0x1p-53;
  return std::chrono::duration_cast<Duration>(duration * factor);
}

/// What a gateway says of an error, in either of its forms; bounded, since it is logged.
std::string reason_in(std::string_view body) {
  const json::Value error = json::Value(body)["error"];
  auto message = error["message"].as_string();
  if (!message) message = error.as_string();
  if (!message) return {};
  constexpr size_t kMost = 200;
  if (message->size() > kMost) message->resize(kMost);
  return *std::move(message);
}

Error refusal(int status, std::string_view body, bool has_token) {
  std::string reason = reason_in(body);
  if (!reason.empty()) reason.insert(0, ": ");
  Error error{.code = ErrorCode::kProtocol, .message = {}, .param = {}};
  if (status == 401) {
    error.message = has_token
                        ? "the gateway refuses the token: it must be its workers.token"
                        : "the gateway wants a token: give its workers.token with --token-file "
                          "or SLUICE_WORKER_TOKEN";
    error.message += fmt::format(" (401{})", reason);
  } else if (status == 404) {
    error.message = "this is no gateway, or one that takes no heartbeats (404)";
  } else {
    error.message = fmt::format("the gateway answers {}{}", status, reason);
  }
  return error;
}

}  // namespace

Duration GatewayLink::interval() const { return plan_.interval.value_or(asked_); }

Duration GatewayLink::backoff() const {
  const Duration longest = std::max(interval(), kFirstBackoff);
  if (refused_) return longest;
  return std::min(longest, kFirstBackoff * (1 << std::min(failures_ - 1, 10)));
}

TimePoint GatewayLink::due() const {
  if (draining_ || (at_once_ && failures_ == 0)) return TimePoint::min();
  if (failures_ > 0) return told_at_ + with_jitter(backoff());
  if (changed_) return told_at_ + kCoalesce;
  return told_at_ + with_jitter(interval());
}

net::Task<void> GatewayLink::run(net::Scope& scope) {
  while (!scope.cancelled()) {
    for (TimePoint at = due(); !scope.cancelled() && sluice::now() < at;) {
      wake_.reset();
      scope.set_deadline(at);
      const net::Outcome outcome = co_await wake_.wait(scope);
      // Woken: there may be a sooner time now, and the old one stays else.
      if (outcome == net::Outcome::kReady) at = std::min(at, due());
    }
    if (scope.cancelled()) co_return;
    const bool last = draining_;
    co_await push(scope);
    if (last) co_return;
  }
}

void GatewayLink::looked() {
  if (!changed_ && worth_telling(told_, compose(plan_, watch_.last()))) changed_ = true;
  if (changed_ && failures_ == 0) wake_.set();
}

void GatewayLink::drain() {
  draining_ = true;
  wake_.set();
}

net::Task<bool> GatewayLink::push(net::Scope& scope) {
  const Look& look = watch_.last();
  workers::Heartbeat beat = compose(plan_, look);
  changed_ = false;
  const TimePoint sent = sluice::now();
  workers::Heartbeat message = beat;
  message.seq = ++seq_;
  message.sample_at = clock_.at(look.at);
  message.interval_ms = std::chrono::duration_cast<std::chrono::milliseconds>(interval()).count();
  std::string body = workers::to_json(message);
  if (plan_.print) {
    std::printf("%s\n", body.c_str());
    std::fflush(stdout);
  }
  told_at_ = sent;
  at_once_ = false;
  Status status{};
  if (site_ != nullptr) {
    Question question{.method = "POST",
                      .path = std::string(kPath),
                      .fields = "accept: application/json\r\n",
                      .body = std::move(body),
                      .limit = kMaxReply,
                      .timeout = kPatience};
    if (!plan_.token.empty()) {
      question.fields += fmt::format("authorization: Bearer {}\r\n", plan_.token.expose());
    }
    const auto answer = co_await ask(client_, *site_, std::move(question), scope);
    if (scope.cancelled()) co_return false;
    refused_ = answer.has_value();
    status = answer ? take(*answer, sent) : std::unexpected(answer.error());
  }
  if (!status) {
    failed(status.error());
    co_return false;
  }
  told_ = std::move(beat);
  if (site_ != nullptr && (!told_ever_ || failures_ > 0)) {
    log::info(told_ever_ ? "the gateway is back" : "registered", {{"gateway", site_->url}});
  }
  told_ever_ = true;
  failures_ = 0;
  problem_.clear();
  // What was seen while the gateway was asked.
  if (worth_telling(told_, compose(plan_, watch_.last()))) changed_ = true;
  co_return true;
}

Status GatewayLink::take(const Answer& answer, TimePoint sent) {
  if (answer.status != 200) {
    return std::unexpected(refusal(answer.status, answer.body, !plan_.token.empty()));
  }
  const auto reply = workers::parse_reply(answer.body);
  if (!reply) return std::unexpected(reply.error());
  clock_.learn(reply->gw_time, sent, sluice::now());
  asked_ = std::chrono::milliseconds(std::clamp<int64_t>(reply->next_interval_ms, 100, 60'000));
  // Once: a gateway that never knows the worker is not to be flooded.
  at_once_ = !reply->known && !repeated_;
  repeated_ = !reply->known;
  return {};
}

void GatewayLink::failed(const Error& error) {
  ++failures_;
  if (error.message == problem_) return;
  log::warn("the gateway is not told", {{"gateway", site_->url}, {"reason", error.message}});
  problem_ = error.message;
}

}  // namespace sluice::agent
