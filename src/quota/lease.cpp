#include "quota/lease.hpp"

#include <algorithm>
#include <utility>

#include "base/calendar.hpp"

namespace sluice::quota {

namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// Of numbers that are not negative.
int64_t sum(int64_t a, int64_t b) {
  int64_t out = 0;
  return __builtin_add_overflow(a, b, &out) ? kMost : out;
}

int64_t there(const Balance& balance) { return std::max<int64_t>(0, balance.available()); }

}  // namespace

Lease::Lease(Account& account, const accounts::Price& price, int64_t output_limit, int64_t day)
    : account_(&account),
      price_(price),
      output_limit_(output_limit),
      takes_tokens_(account.has_quota()) {
  if (day == kToday) day = day_of(wall_nanos() / 1'000'000);
  purse_ = Purse(account.payer(), account.spending(), day);
  takes_money_ = purse_.bounded() && !price.is_free();
  if (bounded()) easy_output_ = easy_prompt_ = -1;
}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  Lease old(std::move(*this));
  swap(other);
  return *this;
}

void Lease::swap(Lease& other) noexcept {
  std::swap(easy_output_, other.easy_output_);
  std::swap(easy_prompt_, other.easy_prompt_);
  std::swap(account_, other.account_);
  std::swap(purse_, other.purse_);
  std::swap(price_, other.price_);
  std::swap(output_limit_, other.output_limit_);
  std::swap(tokens_, other.tokens_);
  std::swap(money_, other.money_);
  std::swap(output_, other.output_);
  std::swap(grown_, other.grown_);
  std::swap(takes_tokens_, other.takes_tokens_);
  std::swap(takes_money_, other.takes_money_);
  std::swap(settled_, other.settled_);
}

Lease::Held Lease::take(int64_t prompt_tokens, int64_t wanted, int64_t least) {
  const int64_t prompt = std::max<int64_t>(0, prompt_tokens);
  const int64_t asked = wanted;
  // What is taken in vain, if only for a moment, could refuse somebody else: so both are looked at
  // before either is touched.
  if (const Held seen = look(prompt, least); seen != Held::kAll) return seen;
  if (takes_tokens_) {
    wanted = std::clamp(sum(tokens_, there(account_->tokens())) - prompt, least, wanted);
  }
  if (takes_money_) {
    const Money reach{sum(money_.nanos, purse_.available())};
    if (reach < accounts::cost_bound(price_, prompt, wanted)) {
      wanted = std::clamp(accounts::affordable_output(price_, prompt, reach), least, wanted);
    }
  }
  if (const Held taken = take_now(prompt, wanted, least); taken != Held::kAll) return taken;
  output_ = bounded() ? held_output(prompt) : asked;
  set_easy(prompt, 0);
  return output_ < asked ? Held::kPart : Held::kAll;
}

Lease::Held Lease::take_now(int64_t prompt, int64_t wanted, int64_t least) {
  const int64_t least_tokens = sum(prompt, least);
  const Money least_money = takes_money_ ? accounts::cost_bound(price_, prompt, least) : Money{};
  Money price_of_wanted = takes_money_ ? accounts::cost_bound(price_, prompt, wanted) : Money{};
  int64_t took = 0;
  if (const int64_t missing = sum(prompt, wanted) - tokens_; takes_tokens_ && missing > 0) {
    const int64_t must = least_tokens - tokens_;
    took = account_->tokens().take(missing, std::max<int64_t>(1, must));
    if (took == 0 && must > 0) return Held::kNoTokens;
    if (took < missing) {
      wanted = tokens_ + took - prompt;
      if (takes_money_) price_of_wanted = accounts::cost_bound(price_, prompt, wanted);
    }
  }
  if (const int64_t missing = price_of_wanted.nanos - money_.nanos; takes_money_ && missing > 0) {
    const int64_t must = least_money.nanos - money_.nanos;
    int64_t paid = purse_.take(missing, std::max<int64_t>(1, must));
    if (paid == 0 && must > 0) {
      account_->tokens().add(took);
      return short_of(must);
    }
    if (paid < missing) {
      // Somebody else was quicker. What the money is not enough for goes back.
      wanted = accounts::affordable_output(price_, prompt, Money{money_.nanos + paid});
      const int64_t needed = accounts::cost_bound(price_, prompt, wanted).nanos;
      const int64_t change = std::clamp<int64_t>(money_.nanos + paid - needed, 0, paid);
      purse_.add(change);
      paid -= change;
      const int64_t spare = std::clamp<int64_t>(tokens_ + took - sum(prompt, wanted), 0, took);
      account_->tokens().add(spare);
      took -= spare;
    }
    money_.nanos += paid;
  }
  tokens_ += took;
  return Held::kAll;
}

Lease::Held Lease::look(int64_t prompt_tokens, int64_t least) const {
  if (purse_.gone()) return Held::kNoPayer;
  if (takes_tokens_ && sum(tokens_, there(account_->tokens())) < sum(prompt_tokens, least)) {
    return Held::kNoTokens;
  }
  if (!takes_money_) return Held::kAll;
  const int64_t must = accounts::cost_bound(price_, prompt_tokens, least).nanos;
  if (sum(money_.nanos, purse_.available()) < must) {
    return short_of(must - money_.nanos);
  }
  return Held::kAll;
}

Lease::Held Lease::short_of(int64_t nanos) const {
  using Cap = Spending::Cap;
  const Purse::Bound bound = purse_.short_of(nanos);
  if (bound == Purse::Bound::kKey) return Held::kNoBudget;
  if (bound == Purse::Bound::kWallet) return purse_.of_team() ? Held::kNoTeamMoney : Held::kNoMoney;
  const Cap cap = purse_.members_cap(nanos);
  return cap == Cap::kDay    ? Held::kNoMemberDay
         : cap == Cap::kWeek ? Held::kNoMemberWeek
         : cap == Cap::kAll  ? Held::kNoPayer
                             : Held::kNoMemberMonth;
}

int64_t Lease::held_output(int64_t prompt_tokens) const {
  int64_t output = kMost;
  if (takes_tokens_) output = tokens_ - prompt_tokens;
  if (takes_money_) {
    output = std::min(output, accounts::affordable_output(price_, prompt_tokens, money_));
  }
  return output;
}

void Lease::set_easy(int64_t prompt_tokens, int64_t output_tokens) {
  if (!bounded()) return;
  easy_prompt_ = prompt_tokens;
  // What covers the whole answer has no need to look ahead.
  easy_output_ = output_ >= output_limit_ ? output_ : std::max(output_tokens, output_ - kLeaseLow);
}

bool Lease::grow(int64_t prompt_tokens, int64_t output_tokens) {
  if (settled_) return false;
  if (!bounded()) return true;
  const int64_t prompt = std::max<int64_t>(0, prompt_tokens);
  const int64_t output = std::max<int64_t>(0, output_tokens);
  const int64_t before = held_output(prompt);
  if (before < output || (before < output_limit_ && before - output < kLeaseLow)) {
    const int64_t ahead = std::min(sum(std::max(before, output), kLeaseStep), output_limit_);
    const Held held = take(prompt, std::max(output, ahead), output);
    if (refused(held)) return false;
    if (output_ > before) ++grown_;
  } else {
    output_ = before;
  }
  set_easy(prompt, output);
  return true;
}

void Lease::settle(int64_t tokens, Money cost) {
  if (account_ == nullptr || settled_) return;
  settled_ = true;
  easy_output_ = easy_prompt_ = -1;
  account_->tokens().add(tokens_ - std::max<int64_t>(0, tokens));
  purse_.add(money_.nanos - std::max<int64_t>(0, cost.nanos));
}

}  // namespace sluice::quota
