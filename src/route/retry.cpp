#include "route/retry.hpp"

#include <algorithm>

namespace sluice::route {
namespace {

using Kind = Decision::Kind;
using observe::RetryReason;

/// Doubles with every try, up to max_wait; between half of it and all of it, so that clients
/// that failed together do not come back together.
Duration backoff(const config::Retry& retry, int tries, uint64_t random) {
  Duration full = std::min(retry.backoff, retry.max_wait);
  for (int i = 1; i < tries && full < retry.max_wait; ++i) {
    full = std::min(full * 2, retry.max_wait);
  }
  const auto half = static_cast<uint64_t>(std::max<int64_t>(full.count(), 0)) / 2;
  return Duration(static_cast<int64_t>(half + random % (half + 1)));
}

Decision next(const Attempt& attempt) {
  return {.kind = attempt.other_targets && attempt.time_left > Duration(0) ? Kind::kNext
                                                                           : Kind::kGiveUp};
}

/// The same target after `wait`, at once where another key is free; the next one when there is
/// no time for that.
Decision again(const Attempt& attempt, Duration wait) {
  if (attempt.other_keys) wait = Duration(0);
  if (wait >= attempt.time_left) return next(attempt);
  return {.kind = Kind::kAgain, .wait = wait, .other_key = attempt.other_keys};
}

bool short_enough(const Attempt& attempt, const config::Retry& retry) {
  return attempt.retry_after && *attempt.retry_after <= retry.max_wait;
}

/// Not before the upstream said, and not all at that moment.
Duration retry_after(const Attempt& attempt, const config::Retry& retry, uint64_t random) {
  return std::max(*attempt.retry_after, Duration(0)) + backoff(retry, 1, random) -
         std::min(retry.backoff, retry.max_wait) / 2;
}

Decision after_status(const Attempt& attempt, const config::Retry& retry, uint64_t random) {
  const bool once_more = attempt.tries < std::min(2, retry.attempts);
  const bool tries_left = attempt.tries < retry.attempts;
  switch (attempt.status) {
    case 401:
    case 403:
      // The credential is the gateway's own: only another one can help.
      return tries_left && attempt.other_keys ? again(attempt, Duration(0)) : Decision{};
    case 429:
      if (!once_more) return next(attempt);
      return again(attempt, short_enough(attempt, retry) ? retry_after(attempt, retry, random)
                                                         : backoff(retry, attempt.tries, random));
    case 503:
    case 529:
      if (!tries_left) return next(attempt);
      if (!attempt.retry_after) return again(attempt, backoff(retry, attempt.tries, random));
      return short_enough(attempt, retry) ? again(attempt, retry_after(attempt, retry, random))
                                          : next(attempt);
    default:
      break;
  }
  // A redirection is nothing that the request has done: something else stands in the upstream's
  // place.
  if (attempt.status < 400) return next(attempt);
  if (attempt.status < 500) return {};
  return once_more ? again(attempt, backoff(retry, attempt.tries, random)) : next(attempt);
}

}  // namespace

Decision decide(const Attempt& attempt, const config::Retry& retry, uint64_t random) {
  const bool once_more = attempt.tries < std::min(2, retry.attempts);
  switch (attempt.failure) {
    case Failure::kStatus:
      return after_status(attempt, retry, random);
    case Failure::kContextLength:
    case Failure::kDeclined:
    case Failure::kSilent:
    case Failure::kStalled:
      return next(attempt);
    case Failure::kContentPolicy:
      return {};
    case Failure::kUnreachable:
      // Nothing listens there: who has an alternative takes it.
      if (attempt.other_targets || !once_more) return next(attempt);
      return again(attempt, backoff(retry, attempt.tries, random));
    case Failure::kReset:
    case Failure::kCut:
      // Often a connection that was closed while idle: a new one has every chance at once.
      return once_more ? again(attempt, Duration(0)) : next(attempt);
  }
  return {};
}

RetryReason retry_reason(const Attempt& attempt) {
  switch (attempt.failure) {
    case Failure::kStatus:
      switch (attempt.status) {
        case 401:
        case 403:
          return RetryReason::kCredential;
        case 429:
          return RetryReason::kRateLimited;
        case 503:
        case 529:
          return RetryReason::kOverloaded;
        default:
          return RetryReason::kServerError;
      }
    case Failure::kContextLength:
      return RetryReason::kContextLength;
    case Failure::kDeclined:
      return RetryReason::kDeclined;
    case Failure::kUnreachable:
      return RetryReason::kUnreachable;
    case Failure::kReset:
    case Failure::kCut:
      return RetryReason::kReset;
    case Failure::kSilent:
      return RetryReason::kSilent;
    case Failure::kStalled:
      return RetryReason::kStalled;
    case Failure::kContentPolicy:
      break;
  }
  return RetryReason::kServerError;
}

}  // namespace sluice::route
