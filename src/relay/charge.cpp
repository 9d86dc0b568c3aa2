#include "relay/charge.hpp"

#include <cmath>
#include <memory>
#include <utility>

#include "base/ids.hpp"
#include "dialect/prompt.hpp"
#include "net/offload.hpp"
#include "observe/log.hpp"

namespace sluice::relay {

namespace {

// Of an answer that nobody has given a limit to, by a model that nobody knows.
constexpr int64_t kUnknownOutput = 8192;
// More than any model writes; so that a number from outside can be multiplied.
constexpr int64_t kMostOutput = int64_t{1} << 32;
constexpr int64_t kMostResults = int64_t{1} << 20;
// A progress mark goes to the ledger once per so many output tokens.
constexpr int64_t kMarkStep = 256;
// The live board's cost follows once per so many.
constexpr int64_t kShownStep = 16;
// Counting a prompt so small is cheaper than keeping it until somebody wants to know.
constexpr size_t kCountedAtOnce = 512;
// Larger prompts are counted off the loop.
constexpr size_t kCountedInline = 16 * 1024;
// At the moment when a stream runs dry a prompt up to here is counted at once: once per stream,
// and its last tokens depend on it.
constexpr size_t kCountedAtTheEnd = 64 * 1024;
// Bodies that one loop keeps to count prompts from; beyond it they are counted beforehand.
constexpr size_t kMaxKept = size_t{64} << 20;
// How long an answer's end waits for the ledger.
constexpr auto kLedgerPatience = std::chrono::seconds(5);
// Reported and counted output may differ so much without a word.
constexpr int64_t kMismatchTokens = 16;
constexpr double kMismatchShare = 0.1;

quota::Refusal ledger_away() {
  return {.error = {.code = ErrorCode::kLedgerUnavailable, .message = {}, .param = {}},
          .retry_after = std::chrono::seconds(1)};
}

int64_t wall_millis() { return wall_nanos() / 1'000'000; }

/// Comes back to its loop, and tells there that it is durable.
class Returning final : public store::Settling {
 public:
  Returning(store::Settlement what, net::Loop& loop, std::shared_ptr<net::Event> event)
      : Settling(std::move(what)), loop_(loop), event_(std::move(event)) {}

  void durable(std::unique_ptr<Settling> self) override {
    loop_.post([this, self = std::move(self)] { event_->set(); });
  }

 private:
  net::Loop& loop_;
  const std::shared_ptr<net::Event> event_;  // the waiter may have lost its patience
};

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kFinished:
      return "finished";
    case Outcome::kCut:
      return "cut";
    case Outcome::kClientGone:
      return "client_gone";
    case Outcome::kUpstreamFailed:
      return "upstream_failed";
    case Outcome::kDeadline:
      return "deadline";
    case Outcome::kDrained:
      return "drained";
    case Outcome::kCancelled:
      break;
  }
  return "cancelled";
}

std::string_view to_string(Basis basis) {
  switch (basis) {
    case Basis::kEstimated:
      return "estimated";
    case Basis::kCounted:
      return "counted";
    case Basis::kReported:
      return "reported";
    case Basis::kNone:
      break;
  }
  return "none";
}

Charge::~Charge() { forget_prompt(); }

void Charge::forget_prompt() {
  context_.kept_prompts -= prompt_body_.size();
  std::string().swap(prompt_body_);
}

net::Task<std::expected<void, quota::Refusal>> Charge::admit(const Admission& admission,
                                                             dialect::InferenceRequest& request,
                                                             net::Scope& scope) {
  if (!context_.ledger.healthy()) co_return std::unexpected(ledger_away());
  account_ = &admission.account;
  if (admission.price != nullptr) price_ = *admission.price;
  endpoint_ = request.endpoint;
  begin_attempt(admission.model);
  const TimePoint now = context_.loop.now();
  set_prompt(dialect::prompt_bound(endpoint_, request.body, model_), false);
  if (request.body.size() <= kCountedAtOnce || context_.kept_prompts > kMaxKept) {
    co_await count_prompt(request.body, scope);
  }

  auto place = quota::enter(*account_, prompt_tokens_, now);
  if (!place) co_return std::unexpected(std::move(place.error()));
  place_ = std::move(*place);
  rate_spent_ = prompt_tokens_;

  const int64_t results = request.results();
  int64_t limit = admission.max_output > 0 ? admission.max_output : model_.max_output;
  if (limit == 0) limit = kUnknownOutput;
  const int64_t each = std::min(request.max_tokens.value_or(limit), kMostOutput);
  const bool writes = endpoint_ != dialect::Endpoint::kEmbeddings;
  quota::Ask ask{
      .prompt_tokens = prompt_tokens_,
      .prompt_exact = prompt_exact_,
      .output_limit = writes ? each * std::min(results, kMostResults) : 0,
      .by_event = request.stream && results == 1 && !model_.hidden_reasoning,
      .price = price_,
  };
  auto granted = quota::lease(*account_, ask);
  if (granted && granted->needs_exact_prompt) {
    co_await count_prompt(request.body, scope);
    ask.prompt_tokens = prompt_tokens_;
    ask.prompt_exact = true;
    granted = quota::lease(*account_, ask);
  }
  const auto refused = [&](quota::Refusal refusal) {
    account_->token_rate().correct(-rate_spent_, account_->limits().tokens_per_minute, now);
    return std::unexpected(std::move(refusal));
  };
  if (!granted) co_return refused(std::move(granted.error()));
  lease_ = std::move(granted->lease);
  if (!ask.by_event) whole_output_ = std::min(granted->output, ask.output_limit);
  // Lowered to what the balance covers; and told where it was only assumed, since otherwise an
  // upstream could write more than is leased.
  const bool assumed = !request.max_tokens && lease_.bounded();
  if (!ask.by_event && writes && (assumed || granted->output < ask.output_limit)) {
    output_limit_ = granted->output / results;
    if (*output_limit_ < request.least_output_limit()) {
      lease_ = {};
      co_return refused(
          {.error = {.code = ErrorCode::kInsufficientQuota, .message = {}, .param = {}},
           .retry_after = {}});
    }
  }
  admitted_ = true;
  id_ = make_ordered_id("use_", wall_millis());
  next_mark_ = kMarkStep;
  const quota::Wallet* wallet = lease_.wallet();
  if (!request.stream) co_return std::expected<void, quota::Refusal>();
  opening_ = std::make_unique<store::LeaseOpened>(
      store::LeaseOpened{.id = id_,
                         .request_id = std::string(admission.request_id),
                         .key_id = account_->key_id(),
                         .wallet_id = wallet != nullptr ? wallet->id : 0,
                         .price_id = price_.id,
                         .requested_model = request.model,
                         .upstream_model = std::string(admission.model),
                         .provider = std::string(admission.provider),
                         .stream = request.stream,
                         .prompt_tokens = prompt_tokens_,
                         .opened_at = wall_millis()});
  co_return std::expected<void, quota::Refusal>();
}

void Charge::begin_attempt(std::string_view model) {
  asked_ = false;
  dropped_.clear();
  if (model_name_ == model && counter_) return;
  model_name_ = model;
  model_ = tokens::facts_of(model);
  factor_ = model_.exact ? 1.0 : context_.calibration.factor(model, model_.factor);
  counter_.emplace(tokens::Encoding::get(model_.encoding));
}

void Charge::keep_prompt(dialect::InferenceRequest& request, bool again) {
  forget_prompt();
  if (!again && (prompt_exact_ || usage_.input_known)) {
    std::string().swap(request.body);
  } else {
    prompt_body_ = std::move(request.body);
    context_.kept_prompts += prompt_body_.size();
  }
}

void Charge::return_prompt(dialect::InferenceRequest& request) {
  if (!prompt_exact_ && !prompt_body_.empty() && prompt_body_.size() <= kCountedAtTheEnd) {
    set_prompt(dialect::count_prompt(endpoint_, prompt_body_, model_), true);
  }
  context_.kept_prompts -= prompt_body_.size();
  request.body = std::exchange(prompt_body_, {});
}

void Charge::go_on_with(std::span<const dialect::OutputText> texts, bool joins) {
  joined_ |= joins;
  counter_.emplace(tokens::Encoding::get(model_.encoding));
  relayed_output_ = scaled(counter_->add(texts));
}

void Charge::abandon(dialect::InferenceRequest& request) {
  if (!asked_ || delivered_) return;
  abandoned_ = true;
  keep_prompt(request);
}

bool Charge::go_on(int64_t output) {
  const int64_t first = prompt_tokens_ - earlier_prompts_;
  const int64_t prompts = prompt_tokens_ + first + output;
  if (!lease_.cover(prompts, output + whole_output_)) return false;
  prompt_tokens_ = prompts;
  earlier_prompts_ = prompts - first;
  return true;
}

bool Charge::count(std::span<const dialect::OutputText> texts) {
  if (texts.empty()) return true;
  const int64_t output = scaled(counter_->add(texts));
  if (!lease_.cover(prompt_tokens_, output)) {
    // The prompt was bounded from above; what it really takes less may be enough.
    if (prompt_exact_ || prompt_body_.empty() || prompt_body_.size() > kCountedAtTheEnd) {
      return false;
    }
    set_prompt(dialect::count_prompt(endpoint_, prompt_body_, model_), true);
    if (!lease_.cover(prompt_tokens_, output)) return false;
  }
  relayed_output_ = output;
  if (output >= next_mark_) mark(output);
  return true;
}

void Charge::count_whole(std::span<const dialect::OutputText> texts) {
  relayed_output_ = scaled(counter_->add(texts));
}

void Charge::begin_delivery() {
  delivered_ = true;
  if (!opening_) return;
  context_.ledger.opened(std::move(*opening_));
  opening_.reset();
}

void Charge::mark(int64_t output) {
  next_mark_ = output + kMarkStep;
  context_.ledger.progress({.id = id_, .counts = counts(), .cost = cost()});
}

void Charge::show(observe::LiveEntry& live) {
  live.tokens_out(static_cast<uint64_t>(relayed_output_));
  if (price_.id == 0 || relayed_output_ < next_shown_) return;
  // Its arithmetic is not for every event.
  next_shown_ = relayed_output_ + kShownStep;
  live.cost(cost().nanos);
}

int64_t Charge::scaled(int64_t counted) const {
  if (factor_ == 1.0) return counted;
  return static_cast<int64_t>(std::ceil(static_cast<double>(counted) * factor_));
}

void Charge::set_prompt(int64_t tokens, bool exact) {
  prompt_tokens_ = scaled(tokens) + earlier_prompts_;
  prompt_exact_ = exact;
}

net::Task<void> Charge::count_prompt(std::string_view body, net::Scope& scope) {
  int64_t counted = 0;
  if (body.size() <= kCountedInline) {
    counted = dialect::count_prompt(endpoint_, body, model_);
  } else {
    std::move_only_function<int64_t()> work = [copy = std::string(body), endpoint = endpoint_,
                                               model = model_] {
      return dialect::count_prompt(endpoint, copy, model);
    };
    const auto result = co_await net::offload<int64_t>(context_.blocking, std::move(work), scope);
    // Cancelled, or the pool is full: the bound stands.
    if (!result) co_return;
    counted = *result;
  }
  set_prompt(counted, true);
}

TokenCounts Charge::counts() const {
  if (usage_.reported) return usage_.counts;
  TokenCounts counts;
  if (!prompt_due()) return counts;
  if (usage_.input_known) {
    counts = usage_.counts;
  } else {
    counts.input = prompt_tokens_;
  }
  counts.output = delivered_ ? relayed_output_ : 0;
  counts.reasoning = 0;
  return counts;
}

Money Charge::cost() const {
  // Counts beyond what 64 bits of money can hold are a report gone mad; the lease is the most
  // that can have been used.
  return accounts::cost_of(price_, counts()).value_or(lease_.money());
}

Basis Charge::basis() const {
  if (usage_.reported) return Basis::kReported;
  if (!prompt_due()) return Basis::kNone;
  return model_.exact && prompt_exact_ ? Basis::kCounted : Basis::kEstimated;
}

net::Task<Status> Charge::settle(store::Settlement row, bool wait, net::Scope& scope,
                                 std::optional<accounts::Price> upstream) {
  if (settled_ || !admitted_) co_return Status{};
  settled_ = true;
  if (prompt_due() && !usage_.reported && !usage_.input_known && !prompt_exact_ &&
      !prompt_body_.empty()) {
    if (scope.cancelled()) scope.forgive();
    scope.set_deadline(context_.loop.now() + kLedgerPatience);
    co_await count_prompt(prompt_body_, scope);
  }
  const TokenCounts charged = counts();
  const Money total = cost();
  if (usage_.reported && relayed_output_ > 0) {
    const int64_t reported = usage_.counts.output;
    const int64_t apart = std::abs(reported - relayed_output_);
    if (!model_.exact && !model_.hidden_reasoning) {
      context_.calibration.learn(model_name_, model_.factor, counter_->total(), reported);
    }
    if (apart > kMismatchTokens &&
        static_cast<double>(apart) > kMismatchShare * static_cast<double>(reported) &&
        !model_.hidden_reasoning) {
      context_.metrics.count_mismatches.add();
      log::info("counted and reported tokens differ", {{"request_id", row.request_id},
                                                       {"model", model_name_},
                                                       {"counted", relayed_output_},
                                                       {"reported", reported}});
    }
  }
  lease_.settle(charged.total(), total);
  account_->token_rate().correct(charged.total() - rate_spent_,
                                 account_->limits().tokens_per_minute, context_.loop.now());
  place_ = {};
  forget_prompt();

  const quota::Wallet* wallet = lease_.wallet();
  row.id = id_;
  row.key_id = account_->key_id();
  row.wallet_id = wallet != nullptr ? wallet->id : 0;
  if (row.user_id == 0 && wallet != nullptr) row.user_id = wallet->user_id;
  row.charged = charged;
  row.counted_input = prompt_tokens_;
  row.counted_output = relayed_output_;
  if (usage_.reported) row.reported = usage_.counts;
  row.basis = to_string(basis());
  row.price_id = price_.id;
  row.cost = total;
  if (upstream) row.upstream_cost = accounts::cost_of(*upstream, charged).value_or(Money{});
  if (!wait) {
    context_.ledger.settle(std::move(row), [] {});
    co_return Status{};
  }
  net::Loop& loop = context_.loop;
  auto durable = std::make_shared<net::Event>();
  // Together with what else ends in this wake-up: the fewer groups, the less each costs.
  co_await net::RoundEnd(loop);
  context_.ledger.settle(std::make_unique<Returning>(std::move(row), loop, durable));
  scope.set_deadline(loop.now() + kLedgerPatience);
  const net::Outcome outcome = co_await durable->wait(scope);
  if (outcome == net::Outcome::kTimeout) {
    co_return fail(ErrorCode::kLedgerUnavailable, "the ledger could not be written in time");
  }
  co_return Status{};
}

}  // namespace sluice::relay
