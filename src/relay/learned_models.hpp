// What the upstreams' own lists of models have told of them, between the built-in table of
// capabilities and the configuration's overrides.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "dialect/chat/told_capabilities.hpp"

namespace sluice::relay {

/// One for all loops. Thread-safe; a lock held for a lookup, once a converted request. Bounded.
class LearnedModels {
 public:
  static constexpr size_t kMaxProviders = 256;  // further ones are not remembered
  static constexpr size_t kMaxModels = 4096;    // of a provider, in the order of their names

  using Models = std::map<std::string, dialect::chat::ToldCapabilities, std::less<>>;

  /// In place of what this provider has told before.
  void learn(const config::Provider& provider, Models models);

  /// Of the model with that name, or of the newest that is that name with a date behind it:
  /// Anthropic lists claude-haiku-4-5-20251001, which claude-haiku-4-5 means. Nothing while the
  /// provider has another address than when it told.
  std::optional<dialect::chat::ToldCapabilities> find(const config::Provider& provider,
                                                      std::string_view model) const;

 private:
  struct Told {
    std::string base_url;
    std::shared_ptr<const Models> models;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Told, std::less<>> providers_;  // by name
};

}  // namespace sluice::relay
