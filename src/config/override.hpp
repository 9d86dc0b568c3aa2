// Puts values of the environment and of the command line into a document, over those of the
// file.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/document.hpp"
#include "config/value.hpp"

namespace sluice::config {

/// Every environment name of options() and of other_environment() that is set and not empty.
void apply_environment(Node& root, const Lookup& environment, Problems& problems);

/// "key=value": a dotted key, list elements by number from 0 (one past the last appends). A list
/// takes its values separated by commas or as [a, b]; sections take {key: value}.
void apply_settings(Node& root, std::span<const std::string> settings, Problems& problems);

}  // namespace sluice::config
