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
      return "which speaks the Anthropic dialect; call /v1/messages";
    case config::ProviderType::kGemini:
      return "which speaks the Gemini dialect; call /v1/chat/completions, /v1/messages or "
             "/v1/responses";
    case config::ProviderType::kOpenAi:
    case config::ProviderType::kOpenAiCompatible:
    case config::ProviderType::kZai:
      break;
  }
  return "which speaks the OpenAI dialect; call /v1/chat/completions";
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
    by_name_.emplace(providers[i].name, i);
    served_[i].insert(providers[i].models.begin(), providers[i].models.end());
    known_models_.insert(providers[i].models.begin(), providers[i].models.end());
  }
  for (const config::Model& model : config_->models) known_models_.insert(model.name);
  for (const config::Rule& rule : config_->routing.rules) {
    if (!rule.prefix) known_models_.insert(rule.pattern);
  }
}

bool RoutingTable::serves(size_t provider, std::string_view model) const {
  if (!config_->providers[provider].enabled) return false;
  return served_[provider].empty() || served_[provider].contains(model);
}

std::optional<RoutingTable::Found> RoutingTable::usable(const config::Target& target,
                                                        std::string_view requested) const {
  const auto provider = by_name_.find(target.name);
  if (provider == by_name_.end()) return std::nullopt;
  const std::string_view model = target.model.empty() ? requested : target.model;
  if (!serves(provider->second, model)) return std::nullopt;
  return Found{provider->second, model};
}

RoutingTable::Fit RoutingTable::fit(const Found& found, const Speakers& speakers) const {
  const config::ProviderType type = config_->providers[found.provider].type;
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
    const Found found{i, model};
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
  if (found) why = fmt::format("model list of {}", config_->providers[found->provider].name);
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
  if (found) why = fmt::format("the model's name tells {}", providers[found->provider].name);
  return found;
}

std::optional<RoutingTable::Found> RoutingTable::by_default(std::string_view model,
                                                            const Speakers& speakers,
                                                            std::string& why) const {
  const auto found = first_provider(
      model, speakers, [&](size_t provider) { return config_->providers[provider].is_default; });
  if (found) why = fmt::format("default {}", config_->providers[found->provider].name);
  return found;
}

void RoutingTable::add(Plan& plan, const Found& found, const Speakers& speakers) const {
  if (fit(found, speakers) == Fit::kNone) return;
  const auto same = [&](const Tier& tier) {
    const Target& target = tier.targets.front();
    return target.provider_index == found.provider && target.model == found.model;
  };
  if (std::any_of(plan.tiers.begin(), plan.tiers.end(), same)) return;
  const config::Provider& provider = config_->providers[found.provider];
  Tier& tier = plan.tiers.emplace_back();
  tier.name = provider.name;
  tier.resume = config_->routing.resume;
  tier.targets.push_back(
      {.provider = &provider, .provider_index = found.provider, .model = std::string(found.model)});
}

Result<Plan> RoutingTable::plan(std::string_view model, const Speakers& speakers,
                                std::optional<config::ProviderType> detected,
                                bool /*workers_have_it*/) const {
  Plan plan;
  std::optional<Found> first = by_rule(model, speakers, plan.rule);
  if (!first) first = by_list(model, speakers, plan.rule);
  if (!first && detected) first = by_type(model, speakers, *detected, plan.rule);
  if (!first) first = by_default(model, speakers, plan.rule);
  if (!first) {
    return fail(ErrorCode::kModelNotFound,
                fmt::format("No provider serves the model {}.", shown(model)), "model");
  }

  add(plan, *first, speakers);
  const config::Provider& provider = config_->providers[first->provider];
  for (const config::Fallback& fallback : config_->routing.fallbacks) {
    if (fallback.from != provider.name) continue;
    for (const config::Target& target : fallback.to) {
      // Without a name of its own a fallback gets what the first target got: an alias that a
      // rule resolved means nothing to an upstream.
      if (const auto found = usable(target, first->model)) add(plan, *found, speakers);
    }
  }
  if (plan.tiers.empty()) {
    return fail(ErrorCode::kModelNotFound,
                fmt::format("The model {} is served by provider {}, {}.", shown(model),
                            provider.name, how_to_call(provider.type)),
                "model");
  }
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
    if (found && types.contains(config_->providers[found->provider].type))
      provider_of.emplace(rule->pattern, rule->target.name);
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
