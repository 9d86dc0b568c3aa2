// Who answers the next attempt of a request: walks its plan, picks members, keys and workers, and
// waits for a worker where all are taken.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "dialect/dialect.hpp"
#include "dialect/request.hpp"
#include "net/scope.hpp"
#include "net/task.hpp"
#include "observe/live.hpp"
#include "relay/context.hpp"
#include "relay/snapshot.hpp"
#include "route/conversations.hpp"
#include "route/retry.hpp"
#include "workers/fleet.hpp"

namespace sluice::relay {

struct Attempted;

/// Which types of provider can answer a client of this endpoint.
route::Speakers speakers_of(dialect::Endpoint endpoint);

/// Where a request for a model may go, as `selection` walks it.
Result<route::Plan> plan_of(const Snapshot& snapshot, const workers::Fleet& fleet,
                            dialect::Endpoint endpoint, std::string_view model);

/// How the targets of a tier stand now, of which this request has tried none. `desperate`: who has
/// failed lately counts, too.
std::vector<route::Standing> standings_of(const Snapshot& snapshot, const workers::Fleet& fleet,
                                          const route::Tier& tier, bool desperate, TimePoint now);

/// What Demand::route calls an endpoint.
uint8_t worker_route(dialect::Endpoint endpoint);

/// What a class header says; absent: default. kInvalidRequest for anything else.
Result<config::Class> parse_class(std::string_view header, std::string_view value);

/// What the choice of a key or a worker goes by.
struct SelectionTerms {
  const dialect::InferenceRequest& request;
  std::string_view session_header;  // the client's own name of its conversation; may be empty
  int64_t prompt_tokens = 0;        // about
  config::Class urgency = config::Class::kDefault;
  int64_t key = 0;  // whose request it is
};

/// Why there is nobody to ask.
struct Unavailable {
  Error error;
  std::optional<Duration> retry_after;
};

/// Loop thread only; lives as long as its request. What it holds at a target is given back when
/// the attempt is over, or with it.
class Selection {
 public:
  Selection(LoopContext& context, const Snapshot& snapshot)
      : context_(context), snapshot_(snapshot) {}
  ~Selection();
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;

  void start(route::Plan plan);
  const route::Plan& plan() const { return plan_; }

  /// Picks who is asked next, and takes a place there. May wait for a worker: `live` shows that.
  /// kClientGone when the scope is cancelled meanwhile.
  net::Task<std::expected<void, Unavailable>> choose(const SelectionTerms& terms, net::Scope& scope,
                                                     observe::LiveEntry& live);

  // Of the target that was chosen last; before that, of the plan's first.
  const route::Target& target() const { return plan_.tiers[tier_].targets[member_]; }
  const route::Tier& tier() const { return plan_.tiers[tier_]; }
  std::string_view provider() const { return target().name(); }
  std::string_view model() const { return target().model; }
  std::string_view worker() const { return worker_; }  // empty: it is a provider
  /// Of the worker.
  const workers::PickTerms& pick_terms() const { return pick_terms_; }
  /// Of the members of tier() when one of them was picked; empty: it is one target alone.
  std::span<const route::Standing> standings() const { return standings_; }

  // Of the choice.
  const Upstream& upstream() const { return *upstream_; }
  const Secret* credential() const;
  workers::Slot* slot() { return slot_ ? &slot_ : nullptr; }
  route::Visit visit() {
    return key_ ? route::Visit{upstream_->state.get(), &*key_, model()} : route::Visit();
  }
  /// The conversation was with another model or account before.
  bool moved() const { return moved_; }
  int tries() const { return tries_; }  // of this target, this one included

  /// The attempt has ended: gives the place back and learns from it. `stopped`: an operator did not
  /// want it any more.
  void note(const Attempted& result, bool stopped);

  /// The worker that was asked last has declined what others may answer.
  bool declined() const { return declined_; }
  /// What the retry table asks of the targets.
  bool other_targets() const;
  bool other_keys() const;
  /// Where the next choose() begins: at the same target (with another key, member or worker where
  /// there is one), or not.
  void again(bool other_key);
  void next();

 private:
  struct Place {
    size_t tier;
    size_t member;
    bool operator==(const Place&) const = default;
  };

  bool tried(Place place) const;
  /// A member of the tier, in the order of its strategy.
  std::optional<size_t> pick_member(size_t tier, const SelectionTerms& terms, bool desperate);
  bool available(const route::Target& target, bool desperate) const;
  bool take_provider(Place place, const SelectionTerms& terms, bool desperate);
  net::Task<bool> take_worker(Place place, const SelectionTerms& terms, bool desperate,
                              net::Scope& scope, observe::LiveEntry& live);
  bool anything_behind(Place place) const;
  /// By which the key of a provider is chosen; nullopt: each in turn.
  std::optional<uint64_t> session_for(const route::ProviderState& state,
                                      const SelectionTerms& terms);
  std::optional<uint64_t> session(const SelectionTerms& terms);
  /// By which a group keeps its members; null: it does not, or there is none.
  const route::Conversation* conversation_for(const route::Tier& tier, const SelectionTerms& terms);
  void take(Place place);
  void learn_provider(const Attempted& result);
  void learn_worker(const Attempted& result);
  void learn_decline(const Attempted& result);
  /// A worker that has refused a request, perhaps through no fault of the request.
  struct Doubt {
    std::string worker;
    std::string model;
    uint8_t route;
  };
  void settle_doubt(const Attempted& result);
  void judge(const Doubt& doubt, bool guilty);

  LoopContext& context_;
  const Snapshot& snapshot_;
  route::Plan plan_;
  size_t tier_ = 0;
  size_t member_ = 0;
  bool stay_ = false;  // the next choice is the same target
  bool chosen_ = false;
  std::vector<Place> tried_;
  int tries_ = 0;
  std::vector<size_t> used_keys_;  // of this target
  std::vector<std::string> tried_workers_;
  std::optional<std::vector<uint64_t>> prefix_;
  std::optional<std::optional<uint64_t>> session_;
  std::optional<route::Conversation> conversation_;
  std::optional<Doubt> doubt_;
  bool settled_ = false;  // by the attempt that has just ended: others have refused the request
  bool declined_ = false;
  std::optional<Unavailable> problem_;  // of those that were passed over

  // What the present choice holds.
  const Upstream* upstream_ = nullptr;
  std::shared_ptr<const Upstream> kept_upstream_;  // a worker's
  std::optional<route::ProviderState::Choice> key_;
  workers::Slot slot_;
  std::string worker_;
  uint8_t worker_route_ = 0;
  workers::PickTerms pick_terms_;
  std::vector<route::Standing> standings_;
  bool moved_ = false;
};

}  // namespace sluice::relay
