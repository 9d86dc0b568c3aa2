#include "route/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace sluice::route {
namespace {

constexpr std::string_view kOther = "other";
constexpr size_t kShownModelLength = 128;

/// Rules of one rank apply equally: priority, then exact before prefix, then the longer pattern.
auto rank(const config::Rule& rule) {
  return std::tuple(-rule.priority, rule.prefix, -static_cast<int64_t>(rule.pattern.size()));
}

bool matches(const config::Rule& rule, std::string_view model) {
  return rule.prefix ? model.starts_with(rule.pattern) : model == rule.pattern;
}

/// Where a client finds what a type of provider speaks.
std::string_view how_to_call(config::ProviderType type) {
  switch (type) {
    case config::ProviderType::kAnthropic:
      return "the Anthropic dialect; call /v1/messages";
    case config::ProviderType::kGemini:
      return "the Gemini dialect; call /v1/chat/completions, /v1/messages or /v1/responses";
    case config::ProviderType::kOpenAi:
    case config::ProviderType::kOpenAiCompatible:
    case config::ProviderType::kZai:
      break;
  }
  return "the OpenAI dialect; call /v1/chat/completions";
}

/// Nobody waits for more, and a plan costs time.
constexpr size_t kMostTiers = 64;

/// What workers speak.
constexpr config::ProviderType kWorkersType = config::ProviderType::kOpenAiCompatible;

/// The name that a target is asked for.
std::string_view own_or(const config::Target& target, std::string_view model) {
  return target.model.empty() ? model : std::string_view(target.model);
}

std::string_view shown(std::string_view model) { return model.substr(0, kShownModelLength); }

}  // namespace

RoutingTable::RoutingTable(config::ConfigPtr config) : config_(std::move(config)) {
  for (const config::Rule& rule : config_->routing.rules) rules_.push_back(&rule);
  // Equal ranks keep the order of the configuration, which is that of the addresses.
  std::sort(rules_.begin(), rules_.end(), [](const config::Rule* a, const config::Rule* b) {
    return std::pair(rank(*a), a) < std::pair(rank(*b), b);
  });

  const std::vector<config::Provider>& providers = config_->providers;
  served_.resize(providers.size());
  for (size_t i = 0; i < providers.size(); ++i) {
    by_name_.emplace(providers[i].name, Ref{Ref::kProvider, i});
    served_[i].insert(providers[i].models.begin(), providers[i].models.end());
  }
  const std::vector<config::Group>& groups = config_->routing.groups;
  for (size_t i = 0; i < groups.size(); ++i) by_name_.emplace(groups[i].name, Ref{Ref::kGroup, i});
  by_name_.emplace(config::kWorkersTarget, Ref{Ref::kWorkers, 0});
  for (const config::Fallback& fallback : config_->routing.fallbacks) {
    for (const config::Target& target : fallback.to) fallbacks_[fallback.from].push_back(&target);
  }
  learn_models();
}

void RoutingTable::learn_models() {
  const auto learn = [this](std::string_view model) {
    if (!model.empty()) known_models_.insert(model);
  };
  for (const config::Provider& provider : config_->providers) {
    for (const std::string& model : provider.models) learn(model);
  }
  for (const config::Model& model : config_->models) learn(model.name);
  for (const config::Rule& rule : config_->routing.rules) {
    if (!rule.prefix) learn(rule.pattern);
    learn(rule.target.model);
  }
  for (const config::Group& group : config_->routing.groups) {
    for (const config::Member& member : group.members) learn(member.target.model);
  }
  for (const config::Service& service : config_->discovery.services) {
    for (const std::string& model : service.models) learn(model);
  }
}

std::string_view RoutingTable::name_of(Ref ref) const {
  switch (ref.kind) {
    case Ref::kProvider:
      return provider_of(ref).name;
    case Ref::kGroup:
      return group_of(ref).name;
    case Ref::kWorkers:
      break;
  }
  return config::kWorkersTarget;
}

std::optional<RoutingTable::Ref> RoutingTable::ref_of(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

bool RoutingTable::serves(size_t provider, std::string_view model) const {
  if (!config_->providers[provider].enabled) return false;
  return served_[provider].empty() || served_[provider].contains(model);
}

std::optional<RoutingTable::Found> RoutingTable::member(const config::Member& member,
                                                        std::string_view model) const {
  const std::optional<Ref> ref = ref_of(member.target.name);
  if (!ref || ref->kind == Ref::kGroup) return std::nullopt;
  return Found{*ref, own_or(member.target, model)};
}

bool RoutingTable::usable(const Found& found) const {
  switch (found.ref.kind) {
    case Ref::kProvider:
      return serves(found.ref.index, found.model);
    case Ref::kGroup:
      return std::ranges::any_of(group_of(found.ref).members, [&](const config::Member& each) {
        const std::optional<Found> one = member(each, found.model);
        return one && usable(*one);
      });
    case Ref::kWorkers:
      break;
  }
  return true;
}

std::optional<RoutingTable::Found> RoutingTable::usable(const config::Target& target,
                                                        std::string_view requested) const {
  const std::optional<Ref> ref = ref_of(target.name);
  if (!ref) return std::nullopt;
  const Found found{*ref, own_or(target, requested)};
  if (!usable(found)) return std::nullopt;
  return found;
}

RoutingTable::Fit RoutingTable::fit(const Found& found, const Speakers& speakers) const {
  if (found.ref.kind == Ref::kGroup) {
    Fit best = Fit::kNone;
    for (const config::Member& each : group_of(found.ref).members) {
      const std::optional<Found> one = member(each, found.model);
      if (one && usable(*one)) best = std::min(best, fit(*one, speakers));
    }
    return best;
  }
  const config::ProviderType type =
      found.ref.kind == Ref::kWorkers ? kWorkersType : provider_of(found.ref).type;
  if (speakers.native.contains(type)) return Fit::kNative;
  return speakers.reachable.contains(type) ? Fit::kReachable : Fit::kNone;
}

std::optional<RoutingTable::Found> RoutingTable::by_rule(std::string_view model,
                                                         const Speakers& speakers,
                                                         std::string& why) const {
  std::optional<Found> best;
  const config::Rule* decided = nullptr;
  for (const config::Rule* rule : rules_) {
    if (best && rank(*rule) != rank(*decided)) break;
    if (!matches(*rule, model)) continue;
    const std::optional<Found> found = usable(rule->target, model);
    if (!found || (best && fit(*found, speakers) >= fit(*best, speakers))) continue;
    best = found;
    decided = rule;
    if (fit(*best, speakers) == Fit::kNative) break;
  }
  if (decided) {
    why = decided->prefix ? fmt::format("prefix {}*", decided->pattern)
                          : fmt::format("exact {}", decided->pattern);
  }
  return best;
}

template <typename Fits>
std::optional<RoutingTable::Found> RoutingTable::first_provider(std::string_view model,
                                                                const Speakers& speakers,
                                                                Fits fits) const {
  std::optional<Found> best;
  for (size_t i = 0; i < config_->providers.size(); ++i) {
    if (!serves(i, model) || !fits(i)) continue;
    const Found found{{Ref::kProvider, i}, model};
    if (fit(found, speakers) == Fit::kNative) return found;
    if (!best || fit(found, speakers) < fit(*best, speakers)) best = found;
  }
  return best;
}

std::optional<RoutingTable::Found> RoutingTable::by_list(std::string_view model,
                                                         const Speakers& speakers,
                                                         std::string& why) const {
  const auto found =
      first_provider(model, speakers, [&](size_t provider) { return !served_[provider].empty(); });
  if (found) why = fmt::format("model list of {}", name_of(found->ref));
  return found;
}

std::optional<RoutingTable::Found> RoutingTable::by_type(std::string_view model,
                                                         const Speakers& speakers,
                                                         config::ProviderType type,
                                                         std::string& why) const {
  const std::vector<config::Provider>& providers = config_->providers;
  const auto of_type = [&](size_t i) { return providers[i].type == type; };
  auto found = first_provider(model, speakers,
                              [&](size_t i) { return of_type(i) && providers[i].is_default; });
  if (!found) found = first_provider(model, speakers, of_type);
  if (found) why = fmt::format("the model's name tells {}", name_of(found->ref));
  return found;
}

std::optional<RoutingTable::Found> RoutingTable::by_default(std::string_view model,
                                                            const Speakers& speakers,
                                                            std::string& why) const {
  const auto found = first_provider(
      model, speakers, [&](size_t provider) { return config_->providers[provider].is_default; });
  if (found) why = fmt::format("default {}", name_of(found->ref));
  return found;
}

/// False where the target is no candidate, or is planned already.
bool RoutingTable::add_target(const Plan& plan, Tier& tier, const Found& found,
                              const Speakers& speakers) const {
  if (!usable(found) || fit(found, speakers) == Fit::kNone) return false;
  const config::Provider* provider =
      found.ref.kind == Ref::kProvider ? &provider_of(found.ref) : nullptr;
  const auto same = [&](const Target& target) {
    return target.provider == provider && target.model == found.model;
  };
  for (const Tier& planned : plan.tiers) {
    if (std::ranges::any_of(planned.targets, same)) return false;
  }
  if (std::ranges::any_of(tier.targets, same)) return false;
  tier.targets.push_back(
      {.provider = provider, .provider_index = found.ref.index, .model = std::string(found.model)});
  return true;
}

void RoutingTable::add(Plan& plan, const Found& found, const Speakers& speakers) const {
  Tier tier;
  tier.name = name_of(found.ref);
  tier.resume = config_->routing.resume;
  if (found.ref.kind != Ref::kGroup) {
    if (add_target(plan, tier, found, speakers)) plan.tiers.push_back(std::move(tier));
    return;
  }
  const config::Group& group = group_of(found.ref);
  tier.group = &group;
  tier.group_index = found.ref.index;
  tier.strategy = group.strategy;
  tier.resume = group.resume.value_or(tier.resume);
  tier.targets.reserve(group.members.size());
  for (size_t i = 0; i < group.members.size(); ++i) {
    const std::optional<Found> one = member(group.members[i], found.model);
    if (!one || !add_target(plan, tier, *one, speakers)) continue;
    tier.targets.back().weight = group.members[i].weight;
    tier.targets.back().member = i;
  }
  if (group.strategy == config::Strategy::kVram || group.strategy == config::Strategy::kPredicted) {
    std::ranges::sort(tier.targets, {}, [](const Target& target) {
      return std::pair(!target.workers(), target.member);
    });
  }
  if (!tier.targets.empty()) plan.tiers.push_back(std::move(tier));
}

/// What one plan has come by.
struct RoutingTable::Walk {
  Plan& plan;
  const Speakers& speakers;
  std::vector<Ref> expanded = {};  // those whose fallbacks have been added
};

void RoutingTable::add_with_fallbacks(Walk& walk, const Found& found) const {
  if (walk.plan.tiers.size() == kMostTiers || walk.expanded.size() == kMostTiers) return;
  add(walk.plan, found, walk.speakers);
  if (!fallbacks_.empty()) add_fallbacks_of(walk, found.ref, found.model);
}

/// A target that is no candidate is passed over, and its fallbacks are not. Ends, since nobody's
/// are added twice.
void RoutingTable::add_fallbacks_of(Walk& walk, Ref ref, std::string_view model) const {
  if (std::ranges::find(walk.expanded, ref) != walk.expanded.end()) return;
  walk.expanded.push_back(ref);
  if (const auto own = fallbacks_.find(name_of(ref)); own != fallbacks_.end()) {
    for (const config::Target* target : own->second) {
      // Without a name of its own a fallback gets what the target before it got: an alias that a
      // rule resolved means nothing to an upstream.
      const std::optional<Ref> next = ref_of(target->name);
      if (next) add_with_fallbacks(walk, {*next, own_or(*target, model)});
    }
    return;
  }
  if (ref.kind != Ref::kGroup) return;
  for (const config::Member& each : group_of(ref).members) {
    if (const auto one = member(each, model)) add_fallbacks_of(walk, one->ref, one->model);
  }
}

Error RoutingTable::unreachable(const Found& found, std::string_view model) const {
  const config::Provider* provider =
      found.ref.kind == Ref::kProvider ? &provider_of(found.ref) : nullptr;
  std::string group;
  if (found.ref.kind == Ref::kGroup) {
    group = fmt::format(" of group {}", group_of(found.ref).name);
    for (const config::Member& each : group_of(found.ref).members) {
      const std::optional<Found> one = member(each, found.model);
      if (!one || !usable(*one) || one->ref.kind == Ref::kWorkers) continue;
      provider = &provider_of(one->ref);
      break;
    }
  }
  const std::string who = provider == nullptr
                              ? "workers" + group + ", which speak"
                              : fmt::format("provider {}{}, which speaks", provider->name, group);
  return {.code = ErrorCode::kModelNotFound,
          .message = fmt::format("The model {} is served by {} {}.", shown(model), who,
                                 how_to_call(provider == nullptr ? kWorkersType : provider->type)),
          .param = "model"};
}

Result<Plan> RoutingTable::plan(std::string_view model, const Speakers& speakers,
                                std::optional<config::ProviderType> detected,
                                bool workers_have_it) const {
  Plan plan;
  std::optional<Found> cloud;  // beside workers
  std::optional<Found> first = by_rule(model, speakers, plan.rule);
  if (!first && workers_have_it) {
    first = Found{{Ref::kWorkers, 0}, model};
    std::string unsaid;
    if (config_->routing.cloud.allow && !fallbacks_.contains(config::kWorkersTarget)) {
      cloud = by_list(model, speakers, unsaid);
      if (!cloud && detected) cloud = by_type(model, speakers, *detected, unsaid);
    }
    plan.rule = "workers that have the model";
  }
  if (!first) first = by_list(model, speakers, plan.rule);
  if (!first && detected) first = by_type(model, speakers, *detected, plan.rule);
  if (!first) first = by_default(model, speakers, plan.rule);
  if (!first) {
    return fail(ErrorCode::kModelNotFound,
                fmt::format("No provider serves the model {}.", shown(model)), "model");
  }

  Walk walk{plan, speakers};
  add_with_fallbacks(walk, *first);
  if (cloud) add_with_fallbacks(walk, *cloud);
  if (plan.tiers.empty()) return std::unexpected(unreachable(*first, model));
  return plan;
}

std::string_view RoutingTable::model_label(std::string_view model) const {
  const auto found = known_models_.find(model);
  return found != known_models_.end() ? *found : kOther;
}

std::vector<RoutingTable::Listed> RoutingTable::listed_models(ProviderTypes types) const {
  // A rule comes before the lists for the same model, as it does in plan(): the first entry stays.
  std::map<std::string_view, std::string_view> provider_of;
  for (const config::Rule* rule : rules_) {
    if (rule->prefix) continue;
    const std::optional<Found> found = usable(rule->target, rule->pattern);
    if (found && fit(*found, {types, types}) == Fit::kNative) {
      provider_of.emplace(rule->pattern, rule->target.name);
    }
  }
  for (const config::Provider& provider : config_->providers) {
    if (!provider.enabled || !types.contains(provider.type)) continue;
    for (const std::string& model : provider.models) provider_of.emplace(model, provider.name);
  }
  std::vector<Listed> out;
  out.reserve(provider_of.size());
  for (const auto& [model, provider] : provider_of) out.push_back({model, provider});
  return out;
}

}  // namespace sluice::route
