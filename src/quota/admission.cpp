#include "quota/admission.hpp"

#include <algorithm>

namespace sluice::quota {

namespace {

using observe::LimitReason;

// Nobody knows when a call will end.
constexpr Duration kRetryParallel = std::chrono::seconds(1);
// Tokens a minute: whoever finds one free is let in, with whatever he needs. What he needs more
// than is free is a debt that the next ones wait for, so the rate holds, and no prompt is so long
// that it can never be sent.
constexpr int64_t kLeastTokens = 1;

std::unexpected<Refusal> limited(LimitReason limit, Duration wait) {
  const char* message =
      limit == LimitReason::kRequests ? "This API key has reached its requests per minute."
      : limit == LimitReason::kTokens ? "This API key has reached its tokens per minute."
                                      : "This API key has reached its parallel requests.";
  return std::unexpected(
      Refusal{.error = {.code = ErrorCode::kRateLimitExceeded, .message = message, .param = {}},
              .retry_after = wait,
              .limit = limit});
}

const char* used_up(Lease::Held what) {
  using Held = Lease::Held;
  switch (what) {
    case Held::kNoTokens:
      return "This API key has used up its tokens.";
    case Held::kNoBudget:
      return "This API key has used up its budget.";
    case Held::kNoTeamMoney:
      return "The balance of the team that pays for this API key is used up.";
    case Held::kNoMemberDay:
      return "Your budget of the day in the team that pays for this API key is used up.";
    case Held::kNoMemberWeek:
      return "Your budget of the week in the team that pays for this API key is used up.";
    case Held::kNoMemberMonth:
      return "Your budget of the month in the team that pays for this API key is used up.";
    case Held::kNoPayer:
      return "The team that paid for this API key pays for it no more.";
    default:
      return "The balance of this account is used up.";
  }
}

std::unexpected<Refusal> out_of(Lease::Held what) {
  const char* message = used_up(what);
  return std::unexpected(
      Refusal{.error = {.code = ErrorCode::kInsufficientQuota, .message = message, .param = {}},
              .retry_after = std::nullopt,
              .limit = LimitReason::kQuota});
}

bool find_place(std::atomic<int64_t>& parallel, int64_t most) {
  // Counted without a limit too, since a reload may bring one.
  int64_t there = parallel.load(std::memory_order_relaxed);
  do {
    if (most > 0 && there >= most) return false;
  } while (!parallel.compare_exchange_weak(there, there + 1, std::memory_order_relaxed));
  return true;
}

}  // namespace

Place::~Place() {
  if (account_ != nullptr) account_->parallel().fetch_sub(1, std::memory_order_relaxed);
}

std::expected<Place, Refusal> enter(Account& account, int64_t prompt_tokens, TimePoint now) {
  const Limits limits = account.limits();
  if (!find_place(account.parallel(), limits.max_parallel)) {
    return limited(LimitReason::kParallel, kRetryParallel);
  }
  Place place(&account);
  const int64_t tpm = limits.tokens_per_minute;
  if (const auto wait =
          account.requests().spend(1, 1, limits.requests_per_minute, limits.burst, now)) {
    // When both refuse, the later one says when to come back.
    const Duration tokens = account.token_rate().wait(kLeastTokens, tpm, tpm, now);
    if (tokens > *wait) return limited(LimitReason::kTokens, tokens);
    return limited(LimitReason::kRequests, *wait);
  }
  if (const auto wait = account.token_rate().spend(std::max<int64_t>(0, prompt_tokens),
                                                   kLeastTokens, tpm, tpm, now)) {
    account.requests().correct(-1, limits.requests_per_minute, now);
    return limited(LimitReason::kTokens, *wait);
  }
  account.set_used(now);
  return place;
}

std::expected<void, Refusal> enter_for_nothing(Account& account, TimePoint now) {
  const Limits limits = account.limits();
  if (const auto wait =
          account.requests().spend(1, 1, limits.requests_per_minute, limits.burst, now)) {
    return limited(LimitReason::kRequests, *wait);
  }
  account.set_used(now);
  return {};
}

bool is_limited(const Account& account) {
  const Limits limits = account.limits();
  return limits.requests_per_minute > 0 || limits.tokens_per_minute > 0 ||
         limits.max_parallel > 0 || account.has_quota() || account.wallet() != nullptr ||
         account.payer().gone || account.spending().limited();
}

LimitState limit_state(const Account& account, TimePoint now) {
  const Limits limits = account.limits();
  LimitState state;
  if (const int64_t rate = limits.requests_per_minute; rate > 0) {
    const RateMeter& meter = account.requests();
    state.requests = {.limit = limits.burst,
                      .remaining = meter.remaining(rate, limits.burst, now),
                      .reset = meter.reset_after(now)};
  }
  if (const int64_t rate = limits.tokens_per_minute; rate > 0) {
    const RateMeter& meter = account.token_rate();
    state.tokens = {.limit = rate,
                    .remaining = meter.remaining(rate, rate, now),
                    .reset = meter.reset_after(now)};
  }
  return state;
}

std::expected<Granted, Refusal> lease(Account& account, const Ask& ask) {
  const int64_t limit = std::max<int64_t>(0, ask.output_limit);
  const int64_t wanted = ask.by_event ? std::min(kLeaseStep, limit) : limit;
  const int64_t least = std::min<int64_t>(1, limit);
  // Nobody is let in for nothing, lest a debt not be seen.
  const int64_t prompt = std::max<int64_t>(1 - least, ask.prompt_tokens);

  Granted granted{.lease = Lease(account, ask.price, limit, ask.day)};
  const Lease::Held held = granted.lease.take(prompt, wanted, ask.prompt_exact ? least : wanted);
  if (held == Lease::Held::kAll) {
    granted.output = limit;
    return granted;
  }
  if (!ask.prompt_exact) {
    // However short the prompt is, this much is needed.
    const Lease::Held shortest = granted.lease.look(1 - least, least);
    if (Lease::refused(shortest)) return out_of(shortest);
    granted.needs_exact_prompt = true;
    return granted;
  }
  if (Lease::refused(held)) return out_of(held);
  granted.output = granted.lease.output();
  return granted;
}

}  // namespace sluice::quota
