// What a selection learns from how its attempts have ended.
#include <optional>
#include <utility>

#include "base/ids.hpp"
#include "observe/log.hpp"
#include "relay/attempt.hpp"
#include "relay/selection.hpp"

namespace sluice::relay {

namespace {

/// Of a worker that is too busy and does not say for how long: engines take the next soon.
constexpr Duration kBusyRest = std::chrono::seconds(1);

/// The upstream's doing, and not the client's, the budget's or an operator's.
bool upstream_failed(const Attempted& result) {
  if (result.kind == Attempted::kBroken) return !result.differs;
  if (result.kind != Attempted::kCutShort) return false;
  return !result.out_of_time && (result.error.code == ErrorCode::kUpstreamStalled ||
                                 result.error.code == ErrorCode::kUpstreamStreamInterrupted);
}

/// It is not what this request asks for: others will get the same there.
bool at_fault(int status) {
  return status >= 500 || status < 400 || status == 401 || status == 402 || status == 403;
}

/// The model, or the route, is not there.
bool not_served(const Attempted& result) {
  if (!result.upstream) return false;
  return result.upstream->kind == dialect::FailureKind::kModelNotFound || result.status == 404 ||
         result.status == 405 || result.status == 410;
}

}  // namespace

void Selection::note(const Attempted& result, bool stopped) {
  declined_ = false;
  settle_doubt(result);
  if (stopped) {
    if (key_) upstream_->state->abandoned(*key_, model());
  } else if (slot_) {
    learn_worker(result);
  } else if (key_) {
    learn_provider(result);
  }
  key_.reset();
  slot_ = {};
}

void Selection::learn_worker(const Attempted& result) {
  const TimePoint now = sluice::now();
  if (result.kind == Attempted::kAnswered) return slot_.succeeded(now);
  if (result.kind == Attempted::kBroken) tried_workers_.push_back(worker_);
  if (upstream_failed(result)) return slot_.failed(now, false);
  if (result.kind != Attempted::kFailed) return slot_.abandoned(now);
  tried_workers_.push_back(worker_);
  switch (result.failure) {
    case route::Failure::kUnreachable:
      return slot_.failed(now, true);
    case route::Failure::kContextLength:
    case route::Failure::kContentPolicy:
      return slot_.succeeded(now);
    case route::Failure::kStatus:
      if (result.status == 429) {
        return slot_.pushed_back(now, result.retry_after.value_or(kBusyRest));
      }
      if (result.status == 503 && result.retry_after) {
        return slot_.pushed_back(now, *result.retry_after);
      }
      if (at_fault(result.status)) return slot_.failed(now, false);
      return learn_decline(result);
    case route::Failure::kDeclined:
    case route::Failure::kReset:
    case route::Failure::kCut:
    case route::Failure::kSilent:
    case route::Failure::kStalled:
      break;
  }
  slot_.failed(now, false);
}

/// The worker lives, and yet the answer may be its own fault: the gateway has chosen it by what it
/// has announced.
void Selection::learn_decline(const Attempted& result) {
  const TimePoint now = sluice::now();
  if (not_served(result)) {
    declined_ = true;
    return slot_.not_served(now);
  }
  const bool doubtful = slot_.refused(now);
  // Somebody else has just refused it too: then it is the request.
  if (std::exchange(settled_, false)) {
    if (doubtful) judge({worker_, std::string(model()), worker_route_}, false);
    return;
  }
  if (!doubtful) return;
  declined_ = true;
  doubt_ = {worker_, std::string(model()), worker_route_};
}

/// What another target has made of a request that a worker had refused in doubt.
void Selection::settle_doubt(const Attempted& result) {
  settled_ = false;
  if (!doubt_) return;
  const Doubt doubt = *std::exchange(doubt_, std::nullopt);
  if (result.kind == Attempted::kAnswered || result.first_content) return judge(doubt, true);
  const bool refused = result.kind == Attempted::kFailed &&
                       result.failure == route::Failure::kStatus && result.status >= 400 &&
                       result.status != 429 && !at_fault(result.status) && !not_served(result);
  if (!refused) return;
  settled_ = true;
  judge(doubt, false);
}

void Selection::judge(const Doubt& doubt, bool guilty) {
  context_.dispatcher.fleet().judge(doubt.worker, doubt.model, doubt.route, guilty, sluice::now());
  if (!guilty) return;
  log::warn("a worker refuses what others answer",
            {{"worker", doubt.worker}, {"model", doubt.model}});
}

void Selection::learn_provider(const Attempted& result) {
  route::ProviderState& state = *upstream_->state;
  const TimePoint now = sluice::now();
  const auto failed = [&](bool refused) {
    state.failed(*key_, model(), now, refused, random_u64());
  };
  if (result.kind == Attempted::kAnswered) return state.succeeded(*key_, model(), now);
  if (result.kind == Attempted::kBroken && key_->key) used_keys_.push_back(*key_->key);
  if (upstream_failed(result)) return failed(false);
  if (result.kind != Attempted::kFailed) return state.abandoned(*key_, model());
  if (key_->key) used_keys_.push_back(*key_->key);
  switch (result.failure) {
    case route::Failure::kUnreachable:
      return failed(true);
    case route::Failure::kContextLength:
    case route::Failure::kContentPolicy:
      return state.succeeded(*key_, model(), now);
    case route::Failure::kStatus:
    case route::Failure::kDeclined:
      break;
    case route::Failure::kReset:
    case route::Failure::kCut:
    case route::Failure::kSilent:
    case route::Failure::kStalled:
      return failed(false);
  }
  const auto kind = result.upstream ? std::optional(result.upstream->kind) : std::nullopt;
  if (kind == dialect::FailureKind::kRateLimited) {
    // Providers limit the rate of a model, or of models like it.
    state.overloaded(*key_, model(), now,
                     result.retry_after.value_or(route::ProviderState::kDefaultRest));
    return state.abandoned(*key_, model());
  }
  if (kind == dialect::FailureKind::kQuotaExhausted) {
    if (key_->key) state.rate_limited(*key_->key, now, result.retry_after);
    return state.abandoned(*key_, model());
  }
  if (kind == dialect::FailureKind::kAuth) {
    if (key_->key) {
      state.refused(*key_->key, now);
      log::warn("an upstream refused the gateway's credential",
                {{"provider", upstream_->provider->name},
                 {"key", upstream_->provider->api_keys[*key_->key]},
                 {"status", result.status}});
    }
    return state.abandoned(*key_, model());
  }
  if (result.status == 503 && result.retry_after) {
    state.overloaded(*key_, model(), now, *result.retry_after);
    return state.abandoned(*key_, model());
  }
  if (at_fault(result.status)) return failed(false);
  state.succeeded(*key_, model(), now);
}

}  // namespace sluice::relay
