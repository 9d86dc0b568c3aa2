#include "route/retry.hpp"

#include <gtest/gtest.h>

namespace sluice::route {
namespace {

using namespace std::chrono_literals;
using Kind = Decision::Kind;

constexpr uint64_t kRandom = 0x9E3779B97F4A7C15;

config::Retry retry() { return {.attempts = 2, .budget = 0.2, .backoff = 100ms, .max_wait = 3s}; }

Attempt status(int code) {
  Attempt attempt;
  attempt.status = code;
  attempt.other_targets = true;
  return attempt;
}

Attempt failed(Failure failure) {
  Attempt attempt;
  attempt.failure = failure;
  attempt.other_targets = true;
  return attempt;
}

Attempt alone(Attempt attempt) {
  attempt.other_targets = false;
  return attempt;
}

Attempt tried(Attempt attempt, int tries) {
  attempt.tries = tries;
  return attempt;
}

Attempt with_keys(Attempt attempt) {
  attempt.other_keys = true;
  return attempt;
}

Attempt after(Attempt attempt, Duration retry_after) {
  attempt.retry_after = retry_after;
  return attempt;
}

Kind kind(const Attempt& attempt) { return decide(attempt, retry(), kRandom).kind; }
Duration wait(const Attempt& attempt) { return decide(attempt, retry(), kRandom).wait; }

TEST(Retry, A429WithAShortRetryAfterIsWaitedOutAndTriedOnceMore) {
  const Attempt limited = after(status(429), 2s);
  EXPECT_EQ(kind(limited), Kind::kAgain);
  EXPECT_GE(wait(limited), 2s);
  EXPECT_LE(wait(limited), 2s + 100ms);
  EXPECT_EQ(kind(after(status(429), 3s)), Kind::kAgain);
  EXPECT_EQ(kind(tried(limited, 2)), Kind::kNext);
  EXPECT_EQ(kind(alone(tried(limited, 2))), Kind::kGiveUp);
}

TEST(Retry, A429WithALongOrNoRetryAfterBacksOffOnceThenTheFallback) {
  for (const Attempt& limited : {status(429), after(status(429), 60s)}) {
    EXPECT_EQ(kind(limited), Kind::kAgain);
    EXPECT_GE(wait(limited), 50ms);
    EXPECT_LE(wait(limited), 100ms);
    EXPECT_EQ(kind(tried(limited, 2)), Kind::kNext);
    EXPECT_EQ(kind(alone(tried(limited, 2))), Kind::kGiveUp);
  }
}

TEST(Retry, A429GoesToAnotherKeyAtOnceWhereThereIsOne) {
  const Decision decision = decide(with_keys(after(status(429), 2s)), retry(), kRandom);
  EXPECT_EQ(decision, (Decision{.kind = Kind::kAgain, .wait = 0s, .other_key = true}));
}

TEST(Retry, A500Or502OrAResetIsTriedOnceMoreThenTheFallback) {
  for (const Attempt& attempt :
       {status(500), status(502), failed(Failure::kReset), failed(Failure::kCut)}) {
    EXPECT_EQ(kind(attempt), Kind::kAgain);
    EXPECT_LE(wait(attempt), 100ms);
    EXPECT_EQ(kind(tried(attempt, 2)), Kind::kNext);
    EXPECT_EQ(kind(alone(attempt)), Kind::kAgain);
    EXPECT_EQ(kind(alone(tried(attempt, 2))), Kind::kGiveUp);
  }
  EXPECT_EQ(wait(failed(Failure::kReset)), 0s);
}

TEST(Retry, A500TakesAnotherKeyWhereThereIsOne) {
  const Decision decision = decide(with_keys(status(500)), retry(), kRandom);
  EXPECT_EQ(decision.kind, Kind::kAgain);
  EXPECT_TRUE(decision.other_key);
}

TEST(Retry, OnceMoreMeansOnceHoweverManyAttemptsAreAllowed) {
  config::Retry many = retry();
  many.attempts = 5;
  for (const Attempt& attempt : {status(429), status(500), failed(Failure::kReset)}) {
    EXPECT_EQ(decide(tried(attempt, 2), many, kRandom).kind, Kind::kNext);
  }
}

TEST(Retry, A503Or529GoesToTheFallbackAfterItsAttempts) {
  config::Retry three = retry();
  three.attempts = 3;
  for (const int code : {503, 529}) {
    EXPECT_EQ(decide(status(code), three, kRandom).kind, Kind::kAgain);
    EXPECT_EQ(decide(tried(status(code), 2), three, kRandom).kind, Kind::kAgain);
    EXPECT_EQ(decide(tried(status(code), 3), three, kRandom).kind, Kind::kNext);
    EXPECT_EQ(decide(alone(tried(status(code), 3)), three, kRandom).kind, Kind::kGiveUp);
  }
  EXPECT_GE(decide(tried(status(503), 2), three, kRandom).wait, 100ms);
}

TEST(Retry, A503ThatAsksForALongRestIsNotAskedAgain) {
  EXPECT_EQ(kind(after(status(503), 60s)), Kind::kNext);
  EXPECT_EQ(kind(alone(after(status(503), 60s))), Kind::kGiveUp);
  EXPECT_EQ(kind(after(status(503), 1s)), Kind::kAgain);
  EXPECT_GE(wait(after(status(503), 1s)), 1s);
}

TEST(Retry, ASilentTargetIsNotAskedAgain) {
  for (const Failure failure : {Failure::kSilent, Failure::kStalled}) {
    EXPECT_EQ(kind(failed(failure)), Kind::kNext);
    EXPECT_EQ(kind(with_keys(failed(failure))), Kind::kNext);
    EXPECT_EQ(kind(alone(failed(failure))), Kind::kGiveUp);
  }
}

TEST(Retry, ATooLongPromptNeverGoesToTheSameTarget) {
  EXPECT_EQ(kind(failed(Failure::kContextLength)), Kind::kNext);
  EXPECT_EQ(kind(alone(with_keys(failed(Failure::kContextLength)))), Kind::kGiveUp);
}

TEST(Retry, ContentPolicyAndEveryOther4xxIsTheErrorAtOnce) {
  EXPECT_EQ(kind(failed(Failure::kContentPolicy)), Kind::kGiveUp);
  for (const int code : {400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 422, 451}) {
    EXPECT_EQ(kind(status(code)), Kind::kGiveUp) << code;
  }
  for (const int code : {400, 404, 413, 422}) {
    EXPECT_EQ(kind(with_keys(status(code))), Kind::kGiveUp) << code;
  }
}

TEST(Retry, ARefusedCredentialIsTriedWithAnotherKey) {
  for (const int code : {401, 403}) {
    EXPECT_EQ(decide(with_keys(status(code)), retry(), kRandom),
              (Decision{.kind = Kind::kAgain, .wait = 0s, .other_key = true}));
    EXPECT_EQ(kind(with_keys(tried(status(code), 2))), Kind::kGiveUp);
  }
}

TEST(Retry, ARedirectionIsFollowedByTheFallbackAlone) {
  for (const int code : {301, 302, 307, 308}) {
    EXPECT_EQ(kind(status(code)), Kind::kNext);
    EXPECT_EQ(kind(alone(status(code))), Kind::kGiveUp);
  }
}

TEST(Retry, WhoCannotBeReachedIsLeftForTheFallback) {
  EXPECT_EQ(kind(failed(Failure::kUnreachable)), Kind::kNext);
  EXPECT_EQ(kind(alone(failed(Failure::kUnreachable))), Kind::kAgain);
  EXPECT_EQ(kind(alone(tried(failed(Failure::kUnreachable), 2))), Kind::kGiveUp);
}

TEST(Retry, OneAttemptMeansNoneOnTheSameTarget) {
  config::Retry once = retry();
  once.attempts = 1;
  for (const Attempt& attempt : {status(429), after(status(429), 1s), status(500), status(503),
                                 failed(Failure::kReset), failed(Failure::kUnreachable)}) {
    EXPECT_EQ(decide(attempt, once, kRandom).kind, Kind::kNext);
    EXPECT_EQ(decide(alone(attempt), once, kRandom).kind, Kind::kGiveUp);
  }
}

TEST(Retry, NothingIsWaitedForBeyondTheRequestsDeadline) {
  Attempt limited = after(status(429), 2s);
  limited.time_left = 1s;
  EXPECT_EQ(kind(limited), Kind::kNext);
  EXPECT_EQ(kind(alone(limited)), Kind::kGiveUp);
  limited.time_left = 0s;
  EXPECT_EQ(kind(limited), Kind::kGiveUp);
}

TEST(Retry, BackoffIsSpreadAndBounded) {
  config::Retry many = retry();
  many.attempts = 50;
  Duration least = Duration::max();
  Duration most{0};
  for (uint64_t i = 0; i < 1000; ++i) {
    const Duration waited = decide(status(503), many, i * kRandom).wait;
    least = std::min(least, waited);
    most = std::max(most, waited);
  }
  EXPECT_GE(least, 50ms);
  EXPECT_LT(least, 55ms);
  EXPECT_LE(most, 100ms);
  EXPECT_GT(most, 95ms);
  EXPECT_LE(decide(tried(status(503), 49), many, kRandom).wait, 3s);
  EXPECT_GE(decide(tried(status(503), 49), many, kRandom).wait, 1500ms);
}

TEST(Retry, EveryReasonHasItsOwnLabel) {
  using observe::RetryReason;
  EXPECT_EQ(retry_reason(status(429)), RetryReason::kRateLimited);
  EXPECT_EQ(retry_reason(status(500)), RetryReason::kServerError);
  EXPECT_EQ(retry_reason(status(529)), RetryReason::kOverloaded);
  EXPECT_EQ(retry_reason(status(401)), RetryReason::kCredential);
  EXPECT_EQ(retry_reason(failed(Failure::kSilent)), RetryReason::kSilent);
  EXPECT_EQ(retry_reason(failed(Failure::kContextLength)), RetryReason::kContextLength);
}

}  // namespace
}  // namespace sluice::route
