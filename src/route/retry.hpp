// What is tried again after an attempt has failed before the client saw content.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "observe/metrics.hpp"
#include "route/retry_budget.hpp"

namespace sluice::route {

/// How an attempt failed.
enum class Failure : uint8_t {
  kStatus,         // an answer with `status`
  kContextLength,  // 400: the prompt does not fit the model
  kContentPolicy,  // 400: refused by the upstream's policy
  kDeclined,       // by a worker alone, as it seems: it has announced a model that it has not
  kUnreachable,    // name, connection or TLS handshake
  kReset,          // closed, reset or broken HTTP before the head
  kCut,            // the body ended or broke after the head, before content
  kSilent,         // nothing up to timeouts.first_token
  kStalled,        // began, then fell silent before content
};

struct Attempt {
  Failure failure = Failure::kStatus;
  int status = 0;                       // for kStatus
  std::optional<Duration> retry_after;  // as the upstream asked
  int tries = 1;                        // on this target, this one included
  bool other_targets = false;           // a target that was not asked yet is left
  /// A key of this target is free and was not used yet, or a member of its group.
  bool other_keys = false;
  Duration time_left = Duration::max();  // until the request's own deadline
};

struct Decision {
  enum class Kind : uint8_t { kAgain, kNext, kGiveUp };
  Kind kind = Kind::kGiveUp;
  Duration wait{0};        // before kAgain
  bool other_key = false;  // kAgain with a key that was not used yet

  bool operator==(const Decision&) const = default;
};

/// The table "What is tried again" of the public contract. Pure: `random` is any 64 random bits
/// and makes the jitter. Not to be asked once the client has content or has gone. Whoever acts
/// on kAgain or kNext first takes it from the RetryBudget.
Decision decide(const Attempt& attempt, const config::Retry& retry, uint64_t random);

/// The label under which a retry after this failure is counted.
observe::RetryReason retry_reason(const Attempt& attempt);

}  // namespace sluice::route
