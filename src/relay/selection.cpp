#include "relay/selection.hpp"

#include <algorithm>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "dialect/models.hpp"
#include "dialect/session.hpp"
#include "observe/log.hpp"
#include "relay/attempt.hpp"
#include "workers/prefix_index.hpp"

namespace sluice::relay {

namespace {

/// What a queue and a coroutine have in common; the queue may outlive the wait.
struct Granted {
  net::Event event;
};

}  // namespace

route::Speakers speakers_of(dialect::Endpoint endpoint) {
  switch (endpoint) {
    case dialect::Endpoint::kChatCompletions:
      return {route::kOpenAiSpeakers, route::kAllSpeakers};
    case dialect::Endpoint::kMessages:
      return {route::kAnthropicSpeakers, route::kAllSpeakers};
    case dialect::Endpoint::kResponses:
      return {route::kOpenAiSpeakers, route::kAllSpeakers};
    case dialect::Endpoint::kCompletions:
    case dialect::Endpoint::kEmbeddings:
    case dialect::Endpoint::kGenerateContent:
      break;
  }
  return {route::kOpenAiSpeakers, route::kOpenAiSpeakers};
}

Result<route::Plan> plan_of(const Snapshot& snapshot, const workers::Fleet& fleet,
                            dialect::Endpoint endpoint, std::string_view model) {
  return snapshot.routes.plan(model, speakers_of(endpoint), dialect::detect_provider(model),
                              fleet.serves(model));
}

Result<config::Class> parse_class(std::string_view header, std::string_view value) {
  if (value.empty() || iequals(value, "default")) return config::Class::kDefault;
  if (iequals(value, "interactive")) return config::Class::kInteractive;
  if (iequals(value, "bulk")) return config::Class::kBulk;
  return fail(ErrorCode::kInvalidRequest,
              "The header " + std::string(header) + " must be interactive, default or bulk.",
              std::string(header));
}

// Workers are asked for chats where their clients speak otherwise.
uint8_t worker_route(dialect::Endpoint endpoint) {
  switch (endpoint) {
    case dialect::Endpoint::kCompletions:
      return 1;
    case dialect::Endpoint::kEmbeddings:
      return 2;
    case dialect::Endpoint::kChatCompletions:
    case dialect::Endpoint::kMessages:
    case dialect::Endpoint::kResponses:
    case dialect::Endpoint::kGenerateContent:
      break;
  }
  return 0;
}

Selection::~Selection() {
  if (key_) upstream_->state->abandoned(*key_, model());
}

void Selection::start(route::Plan plan) { plan_ = std::move(plan); }

const Secret* Selection::credential() const {
  const config::Provider& provider = *upstream_->provider;
  if (key_) return key_->key ? &provider.api_keys[*key_->key] : nullptr;
  return provider.api_keys.empty() ? nullptr : &provider.api_keys.front();
}

bool Selection::tried(Place place) const {
  return std::ranges::find(tried_, place) != tried_.end();
}

bool Selection::available(const route::Target& target, bool desperate) const {
  if (desperate || target.workers()) return true;
  return snapshot_.upstream(target).state->available(target.model, context_.loop.now());
}

std::vector<route::Standing> standings_of(const Snapshot& snapshot, const workers::Fleet& fleet,
                                          const route::Tier& tier, bool desperate, TimePoint now) {
  std::vector<route::Standing> standings;
  standings.reserve(tier.targets.size());
  for (const route::Target& target : tier.targets) {
    route::Standing& standing = standings.emplace_back();
    standing.weight = target.weight;
    standing.member = target.member;
    if (target.workers()) {
      standing.available = desperate || fleet.serves(target.model);
      standing.active = static_cast<int64_t>(fleet.load(target.model, now).active);
      continue;
    }
    const route::ProviderState& state = *snapshot.upstream(target).state;
    standing.available = desperate || state.available(target.model, now);
    standing.active = state.active();
    standing.share = state.share(target.model, now);
  }
  return standings;
}

std::optional<size_t> Selection::pick_member(size_t tier, const SelectionTerms& terms,
                                             bool desperate) {
  const route::Tier& candidates = plan_.tiers[tier];
  standings_.clear();
  if (candidates.group == nullptr) {
    if (tried({tier, 0}) || !available(candidates.targets[0], desperate)) return std::nullopt;
    return 0;
  }
  standings_ = standings_of(snapshot_, context_.dispatcher.fleet(), candidates, desperate,
                            context_.loop.now());
  for (size_t i = 0; i < standings_.size(); ++i) {
    if (tried({tier, i})) standings_[i].available = false;
  }
  return snapshot_.groups[candidates.group_index]->pick(
      candidates.strategy, standings_, random_u64(), conversation_for(candidates, terms));
}

bool Selection::anything_behind(Place place) const {
  for (size_t tier = place.tier; tier < plan_.tiers.size(); ++tier) {
    for (size_t i = 0; i < plan_.tiers[tier].targets.size(); ++i) {
      const Place other{tier, i};
      if (other != place && !tried(other)) return true;
    }
  }
  return false;
}

net::Task<std::expected<void, Unavailable>> Selection::choose(const SelectionTerms& terms,
                                                              net::Scope& scope,
                                                              observe::LiveEntry& live) {
  problem_.reset();
  if (std::exchange(stay_, false)) {
    const Place place{tier_, member_};
    const bool taken = target().workers() ? co_await take_worker(place, terms, true, scope, live)
                                          : take_provider(place, terms, true);
    if (taken) co_return std::expected<void, Unavailable>();
    if (!tried(place)) tried_.push_back(place);
  }
  const size_t from = tier_;
  const std::vector<Place> tried_before = tried_;
  for (const bool desperate : {false, true}) {
    // Who has been passed over because he has failed lately is asked when there is nobody else.
    tried_ = tried_before;
    for (size_t tier = from; tier < plan_.tiers.size(); ++tier) {
      while (const auto member = pick_member(tier, terms, desperate)) {
        const Place place{tier, *member};
        const bool taken = plan_.tiers[tier].targets[*member].workers()
                               ? co_await take_worker(place, terms, desperate, scope, live)
                               : take_provider(place, terms, desperate);
        if (taken) {
          tried_ = tried_before;
          co_return std::expected<void, Unavailable>();
        }
        if (scope.cancelled()) {
          co_return std::unexpected(
              Unavailable{{ErrorCode::kClientGone, "cancelled", {}}, std::nullopt});
        }
        tried_.push_back(place);
      }
    }
    if (problem_ && problem_->retry_after) break;  // it has waited already
  }
  if (problem_) co_return std::unexpected(std::move(*problem_));
  co_return std::unexpected(Unavailable{
      {ErrorCode::kUpstreamUnreachable, "there is no target left to ask", {}}, std::nullopt});
}

void Selection::take(Place place) {
  if (!chosen_ || Place{tier_, member_} != place) {
    used_keys_.clear();
    tries_ = 0;
  }
  chosen_ = true;
  tier_ = place.tier;
  member_ = place.member;
  ++tries_;
}

bool Selection::take_provider(Place place, const SelectionTerms& terms, bool desperate) {
  const route::Target& wanted = plan_.tiers[place.tier].targets[place.member];
  const Upstream& upstream = snapshot_.upstream(wanted);
  const bool same = chosen_ && Place{tier_, member_} == place;
  const TimePoint now = context_.loop.now();
  route::ProviderState& state = *upstream.state;
  const auto session = session_for(state, terms);
  const std::span<const size_t> used = same ? std::span(used_keys_) : std::span<const size_t>();
  std::optional<route::ProviderState::Choice> choice;
  do {
    // Once more when another request became the probe of its breaker just now.
    choice = state.pick(wanted.model, now, used, session);
    // With one key left the same one serves again.
    if (!choice && same) choice = state.pick(wanted.model, now, {}, session);
    if (!choice || (choice->resting && !desperate)) return false;
  } while (!state.begin(*choice, wanted.model, now));
  upstream_ = &upstream;
  take(place);
  kept_upstream_.reset();
  worker_.clear();
  key_ = *choice;
  moved_ = tier_ > 0 || tier().targets.size() > 1 || (key_->key && !key_->home);
  return true;
}

net::Task<bool> Selection::take_worker(Place place, const SelectionTerms& terms, bool desperate,
                                       net::Scope& scope, observe::LiveEntry& live) {
  const route::Tier& tier = plan_.tiers[place.tier];
  const route::Target& wanted = tier.targets[place.member];
  if (!prefix_) prefix_ = workers::prefix_blocks(terms.request.body);
  workers::Ask ask{.model = wanted.model,
                   .prompt_tokens = terms.prompt_tokens,
                   .output_tokens = terms.request.max_tokens.value_or(0),
                   .prefix = *prefix_,
                   .tried = tried_workers_,
                   .strategy = tier.strategy,
                   .route = worker_route(terms.request.endpoint),
                   .urgency = terms.urgency,
                   .key = terms.key,
                   .elsewhere = !desperate && anything_behind(place)};
  auto granted = std::make_shared<Granted>();
  net::Loop& loop = context_.loop;
  workers::Verdict verdict =
      context_.dispatcher.ask(std::move(ask), sluice::now(),
                              [granted, &loop] { loop.post([granted] { granted->event.set(); }); });
  if (verdict.kind == workers::Verdict::kQueued) {
    live.state(observe::LiveState::kQueued);
    const workers::TicketPtr ticket = std::move(verdict.ticket);
    scope.set_deadline(verdict.until);
    const net::Outcome outcome = co_await granted->event.wait(scope);
    if (outcome == net::Outcome::kReady) verdict.slot = workers::Dispatcher::take(*ticket);
    if (verdict.slot) {
      verdict.kind = workers::Verdict::kGranted;
    } else {
      // The patience is at its end, or there is nobody left to wait for.
      verdict = context_.dispatcher.leave(*ticket, sluice::now());
    }
    if (scope.cancelled()) co_return false;
  }
  switch (verdict.kind) {
    case workers::Verdict::kGranted:
      break;
    case workers::Verdict::kUnserved:
      problem_ = {{ErrorCode::kModelNotFound, "No worker serves the model.", "model"}, {}};
      co_return false;
    case workers::Verdict::kElsewhere:
    case workers::Verdict::kQueued:
      if (!problem_) problem_ = {{ErrorCode::kUpstreamSaturated, {}, {}}, std::chrono::seconds(1)};
      co_return false;
    case workers::Verdict::kRefused:
      problem_ = {{ErrorCode::kUpstreamSaturated, {}, {}}, verdict.retry_after};
      co_return false;
  }
  auto upstream = context_.worker_upstreams.get(verdict.slot.endpoint(), snapshot_.config);
  if (!upstream) {
    log::warn("a worker cannot be called",
              {{"worker", verdict.slot.worker()}, {"reason", upstream.error().message}});
    tried_workers_.emplace_back(verdict.slot.worker());
    problem_ = {std::move(upstream.error()), {}};
    co_return false;
  }
  take(place);
  kept_upstream_ = std::move(*upstream);
  upstream_ = kept_upstream_.get();
  slot_ = std::move(verdict.slot);
  worker_ = slot_.worker();
  worker_route_ = worker_route(terms.request.endpoint);
  pick_terms_ = slot_.terms();
  moved_ = tier_ > 0;
  co_return true;
}

std::optional<uint64_t> Selection::session_for(const route::ProviderState& state,
                                               const SelectionTerms& terms) {
  if (state.keys() < 2 || snapshot_.config->routing.spread_keys) return std::nullopt;
  return session(terms);
}

const route::Conversation* Selection::conversation_for(const route::Tier& tier,
                                                       const SelectionTerms& terms) {
  if (!tier.group->keep_conversations || tier.targets.size() < 2) return nullptr;
  if (conversation_) return &*conversation_;
  const auto id = session(terms);
  if (!id) return nullptr;
  // Two keys may begin with the same words, and share no cache.
  conversation_ = {.id = *id ^ (static_cast<uint64_t>(terms.key) << 1),
                   .goes_on = dialect::goes_on(terms.request.endpoint, terms.request.body,
                                               terms.session_header)};
  return &*conversation_;
}

std::optional<uint64_t> Selection::session(const SelectionTerms& terms) {
  if (!session_) {
    session_ =
        dialect::session_of(terms.request.endpoint, terms.request.body, terms.session_header);
  }
  return *session_;
}

bool Selection::other_targets() const {
  if (target().workers()) {
    const auto load = context_.dispatcher.fleet().load(model(), context_.loop.now());
    if (load.workers > static_cast<int>(tried_workers_.size())) return true;
  }
  return anything_behind({tier_, member_});
}

bool Selection::other_keys() const {
  const TimePoint now = context_.loop.now();
  if (target().workers()) {
    const auto load = context_.dispatcher.fleet().load(model(), now);
    if (load.workers > static_cast<int>(tried_workers_.size())) return true;
  } else if (upstream_->state->available(model(), now, used_keys_) &&
             used_keys_.size() < upstream_->state->keys()) {
    return true;
  }
  for (size_t i = 0; i < tier().targets.size(); ++i) {
    const Place other{tier_, i};
    if (i != member_ && !tried(other) && available(tier().targets[i], false)) return true;
  }
  return false;
}

void Selection::again(bool other_key) {
  stay_ = true;
  if (!other_key) {
    used_keys_.clear();
    tried_workers_.clear();
    return;
  }
  if (target().workers()) return;
  const bool key_left = used_keys_.size() < upstream_->state->keys() &&
                        upstream_->state->available(model(), context_.loop.now(), used_keys_);
  if (key_left) return;
  // Another member of the group takes its place.
  stay_ = false;
  tried_.push_back({tier_, member_});
}

void Selection::next() {
  if (target().workers()) {
    const auto load = context_.dispatcher.fleet().load(model(), context_.loop.now());
    if (load.workers > static_cast<int>(tried_workers_.size())) return;
  }
  tried_.push_back({tier_, member_});
}

}  // namespace sluice::relay
