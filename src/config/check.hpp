// Holds a document against the options: unknown keys, types, ranges, required ones. Fills in
// defaults, replaces ${NAME}, reads secret files.
#pragma once

#include <functional>
#include <string>

#include "config/document.hpp"
#include "config/options.hpp"
#include "config/value.hpp"

namespace sluice::config {

/// Content of a regular file of at most 1 MiB. The error's message says only what went wrong.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

struct Surroundings {
  Lookup environment;
  ReadFile read_file;
};

/// Afterwards every leaf of `root` that is there has its Value, missing ones with a default have
/// been added (in list elements too), and a scalar that was wrong is marked bad and holds its
/// default. Options without effect that differ from their default become warnings.
void check(Node& root, const Surroundings& surroundings, Problems& problems);

/// The same for a part of the configuration that stands in a file of its own. `path` is its name in
/// messages.
void check_part(const Shape& shape, Node& node, const std::string& path,
                const Surroundings& surroundings, Problems& problems);

/// The value of `text` as `option` takes it; nullopt when it does not.
std::optional<Value> parse_value(const Option& option, std::string_view text);

}  // namespace sluice::config
