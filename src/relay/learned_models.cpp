#include "relay/learned_models.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::relay {

namespace {

/// "-20251001".
bool is_date(std::string_view text) {
  return text.size() == 9 && text.front() == '-' &&
         std::ranges::all_of(text.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

void LearnedModels::learn(const config::Provider& provider, Models models) {
  while (models.size() > kMaxModels) models.erase(std::prev(models.end()));
  auto told = std::make_shared<const Models>(std::move(models));
  const std::lock_guard lock(mutex_);
  if (providers_.size() >= kMaxProviders && !providers_.contains(provider.name)) return;
  // The old list goes outside of the lock, with its last reader.
  Told& place = providers_[provider.name];
  place.base_url = provider.base_url;
  std::swap(place.models, told);
}

std::optional<dialect::chat::ToldCapabilities> LearnedModels::find(const config::Provider& provider,
                                                                   std::string_view model) const {
  std::shared_ptr<const Models> models;
  {
    const std::lock_guard lock(mutex_);
    const auto known = providers_.find(provider.name);
    if (known == providers_.end() || known->second.base_url != provider.base_url) {
      return std::nullopt;
    }
    models = known->second.models;
  }
  // Google's full name of a model.
  constexpr std::string_view kPrefix = "models/";
  if (model.starts_with(kPrefix)) model.remove_prefix(kPrefix.size());
  std::optional<dialect::chat::ToldCapabilities> found;
  for (auto each = models->lower_bound(model); each != models->end(); ++each) {
    const std::string_view name = each->first;
    if (name == model) return each->second;
    if (!name.starts_with(model)) break;
    if (is_date(name.substr(model.size()))) found = each->second;
  }
  return found;
}

}  // namespace sluice::relay
