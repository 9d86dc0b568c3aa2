// From a checked document to Config, with the checks that concern more than one option.
#pragma once

#include "config/check.hpp"
#include "config/config.hpp"
#include "config/document.hpp"

namespace sluice::config {

/// `root` has been through check(). Reports duplicate names, dangling references and the like;
/// the result is of use only when `problems` stays free of errors.
Config bind(const Node& root, const Surroundings& surroundings, Problems& problems);

/// The part below `routing`. `providers` are those of the same document.
Routing bind_routing(const Node& root, const std::vector<Provider>& providers, Problems& problems);

}  // namespace sluice::config
