// The part of an exchange in which another attempt goes on for a stream that has broken off.
#include "observe/log.hpp"
#include "relay/exchange.hpp"

namespace sluice::relay {

namespace {

// For the last frame of a stream.
constexpr auto kSendTime = std::chrono::seconds(30);

}  // namespace

void Exchange::prepare_resume() {
  if (gap()) {
    charge_.go_on_with(resume_->all(), resume_->joins());
    return;
  }
  resume_.reset();
  const config::Resume mode = selection_.tier().resume;
  if (mode == config::Resume::kNone || !Resume::suits(request_)) return;
  resume_ = std::make_unique<Resume>(mode, request_, request_id_);
}

net::Task<bool> Exchange::go_on(const Attempted& broken) {
  const bool again = resume_->may_go_on();
  resume_->note_broken(broken.error);
  charge_.return_prompt(request_);
  note_cancel(broken);
  const bool elsewhere = selection_.other_targets();
  // Who fell silent is not asked again.
  const bool somewhere = elsewhere || broken.failure != route::Failure::kStalled;
  if (!again || !somewhere || call_.client_left() ||
      !snapshot_->retries->take(call_.loop().now())) {
    co_await end_broken(broken.error);
    co_return false;
  }
  context_.metrics.retried(broken.failure == route::Failure::kStalled
                               ? observe::RetryReason::kStalled
                               : observe::RetryReason::kReset);
  failures_.push_back({.provider = std::string(selection_.provider()),
                       .worker = std::string(selection_.worker()),
                       .error = to_string(broken.error.code),
                       .status = broken.status,
                       .delivered = charge_.output_tokens()});
  log::debug("going on with a stream", {{"request_id", request_id_},
                                        {"provider", selection_.provider()},
                                        {"worker", selection_.worker()},
                                        {"error", broken.error.code},
                                        {"delivered", charge_.output_tokens()}});
  if (elsewhere) {
    selection_.next();
  } else {
    selection_.again(selection_.other_keys());
  }
  co_return true;
}

net::Task<void> Exchange::end_broken(net::CancelReason reason) {
  call_.scope().forgive();
  const bool draining = reason == net::CancelReason::kDraining;
  co_await end_broken(
      {.code = draining ? ErrorCode::kServerDraining : ErrorCode::kUpstreamStreamInterrupted,
       .message =
           draining ? "the gateway is shutting down" : "the request was cancelled by an operator",
       .param = {}});
}

net::Task<void> Exchange::end_broken(const Error& error) {
  const Error told = error;
  cut_short_ = true;
  error_ = told.code;
  call_.forbid_reuse();
  // What the client is told is recorded before.
  co_await settle(outcome());
  if (call_.client_left()) co_return;
  call_.scope().set_deadline(call_.loop().now() + kSendTime);
  if (!call_.push(resume_->error_frame(told), true)) co_await call_.flush();
}

}  // namespace sluice::relay
