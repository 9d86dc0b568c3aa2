// Providers, groups and rules that stand in the database, beside those of the configuration file.
// The file is the operator's, so it wins: what has the name of something in the file, or is a rule
// for the same models, is shadowed, and no database row takes a default away from a provider there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/check.hpp"
#include "config/document.hpp"

namespace sluice::config {

struct Addition {
  enum class Kind : uint8_t { kProvider, kGroup, kRule };

  Kind kind = Kind::kProvider;
  /// How messages call it: "provider openai-main". What is wrong with a field of it comes from a
  /// place whose source is `label: field`.
  std::string label;
  /// As it would stand in the file, as JSON. There is no ${} in it.
  std::string json;
};

/// What has become of an addition.
struct Merged {
  bool shadowed = false;      // the file has one of this name, or for these models
  bool default_lost = false;  // it would be a default where the file has one
};

/// Adds to `root`, which has been through check(), what is not shadowed, checked. One for each
/// addition, in their order.
std::vector<Merged> merge(Node& root, std::span<const Addition> additions,
                          const Surroundings& surroundings, Problems& problems);

}  // namespace sluice::config
