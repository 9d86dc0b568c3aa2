// Which targets answer a model, in which order: the configured rules as an immutable table.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"

namespace sluice::route {

/// A set of provider types.
class ProviderTypes {
 public:
  constexpr ProviderTypes(std::initializer_list<config::ProviderType> types) {
    for (const config::ProviderType type : types) bits_ |= bit(type);
  }
  constexpr bool contains(config::ProviderType type) const { return (bits_ & bit(type)) != 0; }

 private:
  static constexpr unsigned bit(config::ProviderType type) {
    return 1U << static_cast<unsigned>(type);
  }
  unsigned bits_ = 0;
};

/// Which types of provider can answer a client.
struct Speakers {
  ProviderTypes native;     // its request is understood as it is
  ProviderTypes reachable;  // these too: request and answer are converted
};

/// Those that understand an OpenAI request, and an Anthropic one, as it is.
inline constexpr ProviderTypes kOpenAiSpeakers{config::ProviderType::kOpenAi,
                                               config::ProviderType::kOpenAiCompatible,
                                               config::ProviderType::kZai};
inline constexpr ProviderTypes kAnthropicSpeakers{config::ProviderType::kAnthropic};
/// Those that can be asked at all.
inline constexpr ProviderTypes kAllSpeakers{
    config::ProviderType::kOpenAi, config::ProviderType::kOpenAiCompatible,
    config::ProviderType::kZai, config::ProviderType::kAnthropic, config::ProviderType::kGemini};

/// Where an attempt may go: a provider, or one of the workers that have the model.
struct Target {
  const config::Provider* provider = nullptr;  // lives as long as the table; null: the workers
  size_t provider_index = 0;                   // in Config::providers
  std::string model;                           // the name to send upstream
  int weight = 1;
  size_t member = 0;  // in Group::members; 0 of one target alone

  bool workers() const { return provider == nullptr; }
  std::string_view name() const {
    return provider != nullptr ? std::string_view(provider->name) : config::kWorkersTarget;
  }
};

/// Targets that stand in for each other: the members of a group, or one target alone.
struct Tier {
  std::string_view name;                 // of the group or the target; lives as long as the table
  const config::Group* group = nullptr;  // null: one target alone
  size_t group_index = 0;                // in Config::routing.groups
  /// How one is picked: among the targets, and among the workers where they are one of them.
  config::Strategy strategy = config::Strategy::kVram;
  config::Resume resume = config::Resume::kNone;
  std::vector<Target> targets;  // never empty
};

/// Where a request may go, in order: its tier, then the fallbacks. Never empty.
struct Plan {
  std::vector<Tier> tiers;
  std::string rule;  // what decided, for people: "exact gpt-4o", "model list of a", "default"
};

/// Immutable; every thread may read it. Replaced as a whole on a reload.
class RoutingTable {
 public:
  explicit RoutingTable(config::ConfigPtr config);

  /// The first that applies: a matching rule; the workers, where they have the model
  /// (`workers_have_it`); a provider that lists the model; a provider of the type that the
  /// model's name tells (`detected`); a default provider. Where several would
  /// do, one that speaks the client's dialect comes first, then one that can be reached. Providers
  /// that are disabled, or have a list without the model, are no candidates, and neither are groups
  /// of such. Workers speak OpenAI's dialect.
  ///
  /// Then the fallbacks of that, each followed by its own; of a group that has none, its members'.
  /// Workers that serve a model without a rule, and without a fallback, are followed by the
  /// provider that would have served it, where policy allows the cloud. No target stands there
  /// twice.
  ///
  /// Only targets that `speakers` names are planned. kModelNotFound when there is none; the
  /// message says why and is fit for the client.
  Result<Plan> plan(std::string_view model, const Speakers& speakers,
                    std::optional<config::ProviderType> detected,
                    bool workers_have_it = false) const;

  /// The model's name if the configuration has it, else "other": for the label of a metric.
  /// The view is the table's own.
  std::string_view model_label(std::string_view model) const;

  /// Every model name that the configuration gives for an enabled provider of these types, or for
  /// workers where they speak as these do, each once, sorted: the provider's list and exact rules.
  struct Listed {
    std::string_view model;
    std::string_view provider;  // or a group, or kWorkersTarget
  };
  std::vector<Listed> listed_models(ProviderTypes types) const;

  const config::Config& config() const { return *config_; }

 private:
  /// What a name in the configuration means.
  struct Ref {
    enum Kind : uint8_t { kProvider, kGroup, kWorkers };
    Kind kind = kProvider;
    size_t index = 0;  // in Config::providers or Config::routing.groups
    bool operator==(const Ref&) const = default;
  };
  struct Found {
    Ref ref;
    std::string_view model;  // to send upstream; of a group, where the member has none of its own
  };
  struct Walk;

  void learn_models();
  const config::Provider& provider_of(Ref ref) const { return config_->providers[ref.index]; }
  const config::Group& group_of(Ref ref) const { return config_->routing.groups[ref.index]; }
  std::string_view name_of(Ref ref) const;
  std::optional<Ref> ref_of(std::string_view name) const;

  bool serves(size_t provider, std::string_view model) const;
  bool usable(const Found& found) const;
  /// Of a member of a group that is asked for `model`; nullopt where the name leads nowhere.
  std::optional<Found> member(const config::Member& member, std::string_view model) const;
  /// How well who is found suits the client.
  enum class Fit : uint8_t { kNative, kReachable, kNone };
  Fit fit(const Found& found, const Speakers& speakers) const;
  std::optional<Found> usable(const config::Target& target, std::string_view requested) const;
  template <typename Fits>
  std::optional<Found> first_provider(std::string_view model, const Speakers& speakers,
                                      Fits fits) const;

  // The steps of plan(), in order. Each says in `why` what it went by.
  std::optional<Found> by_rule(std::string_view model, const Speakers& speakers,
                               std::string& why) const;
  std::optional<Found> by_list(std::string_view model, const Speakers& speakers,
                               std::string& why) const;
  std::optional<Found> by_type(std::string_view model, const Speakers& speakers,
                               config::ProviderType type, std::string& why) const;
  std::optional<Found> by_default(std::string_view model, const Speakers& speakers,
                                  std::string& why) const;

  void add(Plan& plan, const Found& found, const Speakers& speakers) const;
  bool add_target(const Plan& plan, Tier& tier, const Found& found, const Speakers& speakers) const;
  void add_with_fallbacks(Walk& walk, const Found& found) const;
  void add_fallbacks_of(Walk& walk, Ref ref, std::string_view model) const;
  Error unreachable(const Found& found, std::string_view model) const;

  config::ConfigPtr config_;
  std::vector<const config::Rule*> rules_;  // in the order in which they are tried
  std::unordered_map<std::string_view, Ref> by_name_;
  std::unordered_map<std::string_view, std::vector<const config::Target*>> fallbacks_;  // by `from`
  std::vector<std::unordered_set<std::string_view>> served_;  // per provider; empty: any
  std::unordered_set<std::string_view> known_models_;
};

}  // namespace sluice::route
