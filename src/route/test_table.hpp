// For the tests of the routing table: configurations by hand, plans as text.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "route/table.hpp"

namespace sluice::route {

using config::ProviderType;

struct Given {
  config::Config config;

  config::Provider& provider(std::string name, ProviderType type,
                             std::vector<std::string> models = {}) {
    config::Provider& out = config.providers.emplace_back();
    out.name = std::move(name);
    out.type = type;
    out.models = std::move(models);
    return out;
  }
  void default_provider(std::string name, ProviderType type) {
    provider(std::move(name), type).is_default = true;
  }
  void rule(bool prefix, std::string pattern, config::Target target, int priority = 0) {
    config.routing.rules.push_back({prefix, std::move(pattern), std::move(target), priority});
  }
  void fallback(std::string from, std::vector<config::Target> to) {
    config.routing.fallbacks.push_back({std::move(from), std::move(to)});
  }
  config::Group& group(std::string name, std::vector<config::Member> members) {
    config::Group& out = config.routing.groups.emplace_back();
    out.name = std::move(name);
    out.members = std::move(members);
    return out;
  }
  RoutingTable table() const {
    return RoutingTable(std::make_shared<const config::Config>(config));
  }
};

inline Result<Plan> plan(const Given& given, std::string_view model,
                         std::optional<ProviderType> detected = {},
                         ProviderTypes native = kOpenAiSpeakers, bool workers_have_it = false) {
  static std::vector<RoutingTable> kept;  // targets point into their table
  kept.push_back(given.table());
  return kept.back().plan(model, {native, native}, detected, workers_have_it);
}

/// A plan for a model that workers have.
inline Result<Plan> worker_plan(const Given& given, std::string_view model,
                                std::optional<ProviderType> detected = {},
                                ProviderTypes native = kOpenAiSpeakers) {
  return plan(given, model, detected, native, true);
}

/// "group[provider/model provider/model]" of every tier.
inline std::vector<std::string> tiers(const Result<Plan>& plan) {
  std::vector<std::string> out;
  EXPECT_TRUE(plan) << plan.error().message;
  if (!plan) return out;
  for (const Tier& tier : plan->tiers) {
    std::string text = std::string(tier.name) + "[";
    for (const Target& target : tier.targets) {
      if (&target != &tier.targets.front()) text += " ";
      text += std::string(target.name()) + "/" + target.model;
    }
    out.push_back(text + "]");
  }
  return out;
}

/// "provider/model" of every target.
inline std::vector<std::string> targets(const Result<Plan>& plan) {
  std::vector<std::string> out;
  EXPECT_TRUE(plan) << plan.error().message;
  if (!plan) return out;
  for (const Tier& tier : plan->tiers) {
    for (const Target& target : tier.targets) {
      out.push_back(std::string(target.name()) + "/" + target.model);
    }
  }
  return out;
}

inline Given two_providers() {
  Given given;
  given.default_provider("openai-main", ProviderType::kOpenAi);
  given.default_provider("anthropic-main", ProviderType::kAnthropic);
  return given;
}

}  // namespace sluice::route
