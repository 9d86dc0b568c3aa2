// What one request consumes and pays: phase one and two of its money (docs/metering.md). Counts
// what is relayed, takes it from the lease before it goes out, and hands the end to the ledger.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "accounts/price.hpp"
#include "base/error.hpp"
#include "base/token_counts.hpp"
#include "dialect/output_text.hpp"
#include "dialect/request.hpp"
#include "dialect/usage.hpp"
#include "net/blocking_pool.hpp"
#include "net/scope.hpp"
#include "net/task.hpp"
#include "quota/admission.hpp"
#include "relay/context.hpp"
#include "relay/output_counter.hpp"
#include "tokens/model_table.hpp"

namespace sluice::relay {

/// How a request ended, for its row in the usage log.
enum class Outcome : uint8_t {
  kFinished,
  kCut,  // the money ran out
  kClientGone,
  kUpstreamFailed,
  kDeadline,
  kDrained,
  kCancelled,  // by an operator
};
std::string_view to_string(Outcome outcome);

/// Where the figures of a charge come from.
enum class Basis : uint8_t { kNone, kEstimated, kCounted, kReported };
std::string_view to_string(Basis basis);

class Charge {
 public:
  explicit Charge(LoopContext& context) : context_(context) {}
  ~Charge();
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;

  /// Phase one, Allow. `model` is what will be asked upstream first; `max_output` is how long an
  /// answer to it may be (0: unknown).
  struct Admission {
    quota::Account& account;
    std::string_view request_id;
    std::string_view provider;
    const accounts::Price* price;  // null: it costs nothing
    std::string_view model;
    int64_t max_output = 0;
  };
  net::Task<std::expected<void, quota::Refusal>> admit(const Admission& admission,
                                                       dialect::InferenceRequest& request,
                                                       net::Scope& scope);
  bool admitted() const { return admitted_; }

  /// Its key has limits of its own, or somebody's wallet pays.
  bool limited() const { return account_ != nullptr && quota::is_limited(*account_); }

  /// To be sent upstream instead of the client's own limit: the balance covers no more.
  std::optional<int64_t> output_limit() const { return output_limit_; }

  /// The client's fields that conversion for the present attempt has lost, as x-sluice-dropped
  /// names them; for the row of usage.
  void note_dropped(std::string names) { dropped_ = std::move(names); }
  const std::string& dropped() const { return dropped_; }

  /// An attempt at `model` begins; nothing of an earlier one was relayed.
  void begin_attempt(std::string_view model);

  /// The attempt's request lies with its upstream, which may be working on it; or it does not, or
  /// the upstream has refused it.
  void note_asked(bool asked) { asked_ = asked; }
  /// The client's side ends the request without an answer. Who was asked has read the prompt, so
  /// that it is due; its body is taken over to be counted.
  void abandon(dialect::InferenceRequest& request);

  /// The upstream is to be asked to go on with what it has said, `output` tokens, so that its
  /// prompt is due once more, with those. False: the lease does not cover that.
  bool go_on(int64_t output);

  /// Takes over the request's body once nothing is tried again: the prompt may still have to be
  /// counted from it. `again`: all of it is kept, to be given back by return_prompt() should the
  /// answer break off.
  void keep_prompt(dialect::InferenceRequest& request, bool again = false);
  void return_prompt(dialect::InferenceRequest& request);

  /// The answer goes on with another attempt after a part of it was relayed: `texts`, all of that.
  /// `joins`: what that attempt reports is of no use, since its prompt is longer, and its answer
  /// only the rest.
  void go_on_with(std::span<const dialect::OutputText> texts, bool joins);

  /// Before an event is relayed. False: the lease is used up and cannot grow, so the event must
  /// not go out.
  bool count(std::span<const dialect::OutputText> texts);
  /// Whole answers: counts without asking the lease, which covers them.
  void count_whole(std::span<const dialect::OutputText> texts);
  /// The upstream's own figures win, unless it says that what was read was nothing: some do not
  /// count.
  void report(const dialect::Usage& usage) {
    if (joined_ || (usage_.input_known && !usage.input_known)) return;
    usage_ = usage;
    if (usage_.counts.output == 0 && relayed_output_ > 0) usage_.reported = false;
  }
  void note_first_content(TimePoint at) {
    if (!first_content_) first_content_ = at;
  }
  /// Something of an answer has gone to the client, so that the prompt is due too.
  void note_delivered() {
    if (!delivered_) begin_delivery();
  }

  /// Puts what it has come to on the board of live requests.
  void show(observe::LiveEntry& live);

  // What it has come to so far.
  TokenCounts counts() const;
  Money cost() const;
  Basis basis() const;
  /// Of the prompt, as far as is known without the upstream; not less than it has.
  int64_t prompt_tokens() const { return prompt_tokens_; }
  /// Output that has been counted.
  int64_t output_tokens() const { return relayed_output_; }
  /// For a client whose upstream reports nothing.
  dialect::Usage told_usage() const {
    return {.counts = counts(), .input_known = true, .reported = true};
  }
  std::optional<TimePoint> first_content() const { return first_content_; }
  const quota::Lease& lease() const { return lease_; }
  /// What count() touches, to be fetched ahead.
  std::span<const char> hot() const {
    const auto* begin = reinterpret_cast<const char*>(&counter_);
    return {begin, static_cast<size_t>(reinterpret_cast<const char*>(&account_) - begin)};
  }
  /// The row's id in the usage log, made by the gateway.
  const std::string& id() const { return id_; }
  bool settled() const { return settled_; }

  /// Phase two, Consume, whatever the end was. Fills the figures into `row`, whose other fields
  /// are the caller's, and queues it. With `wait` it returns when the row is durable;
  /// kLedgerUnavailable when that takes too long (it will be written all the same). Once; later
  /// calls return at once.
  /// `upstream` is what the provider charges, where that is known.
  net::Task<Status> settle(store::Settlement row, bool wait, net::Scope& scope,
                           std::optional<accounts::Price> upstream = {});

 private:
  net::Task<void> count_prompt(std::string_view body, net::Scope& scope);
  void forget_prompt();
  void begin_delivery();
  /// Whether the prompt is to be paid, though nothing was reported.
  bool prompt_due() const { return delivered_ || abandoned_; }
  void set_prompt(int64_t tokens, bool exact);
  int64_t scaled(int64_t counted) const;
  void mark(int64_t output);

  LoopContext& context_;
  // What every event touches, together, so that it can be fetched ahead.
  std::optional<OutputCounter> counter_;
  quota::Lease lease_;
  int64_t prompt_tokens_ = 0;
  int64_t relayed_output_ = 0;  // scaled
  int64_t next_mark_ = 0;
  int64_t next_shown_ = 0;
  double factor_ = 1.0;
  bool prompt_exact_ = false;
  bool admitted_ = false;
  bool delivered_ = false;
  bool asked_ = false;
  bool abandoned_ = false;
  bool settled_ = false;
  bool joined_ = false;  // of the answers of several attempts
  // The rest is of the beginning and the end.
  quota::Account* account_ = nullptr;
  quota::Place place_;
  accounts::Price price_;
  tokens::ModelFacts model_;
  std::string model_name_;
  std::string dropped_;
  dialect::Endpoint endpoint_ = dialect::Endpoint::kChatCompletions;
  std::string id_;
  /// Of a stream, until its first content: before that, nothing is owed that a crash could lose.
  std::unique_ptr<store::LeaseOpened> opening_;
  std::string prompt_body_;      // until the prompt is counted, or known from a report
  int64_t rate_spent_ = 0;       // of the tokens a minute
  int64_t whole_output_ = 0;     // what a lease for a whole answer began with
  int64_t earlier_prompts_ = 0;  // of an answer that was gone on with; within prompt_tokens_
  std::optional<int64_t> output_limit_;
  dialect::Usage usage_;
  std::optional<TimePoint> first_content_;
};

}  // namespace sluice::relay
