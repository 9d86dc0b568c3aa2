// From a checked document to Config, with the checks that concern more than one option.
#pragma once

#include "config/check.hpp"
#include "config/config.hpp"
#include "config/document.hpp"

namespace sluice::config {

/// `root` has been through check(). Reports duplicate names, dangling references and the like;
/// the result is of use only when `problems` stays free of errors.
Config bind(const Node& root, const Surroundings& surroundings, Problems& problems);

/// Of a provider's type: each dialect has one default provider. Empty for what is no type.
std::string_view dialect_of_type(std::string_view type);

/// The part below `routing`. `providers` are those of the same document.
Routing bind_routing(const Node& root, const std::vector<Provider>& providers, Problems& problems);

/// The sections `workers` and `discovery`.
Workers bind_workers(const Node& node, Problems& problems);
Discovery bind_discovery(const Node& node, const Surroundings& surroundings, Problems& problems);

/// A section of timeouts: a provider's, or the workers'.
Timeouts bind_timeouts(const Node& node);

/// What is sent in a header. `path` is its name in messages.
Secret bind_secret(const Node& node, const std::string& path, Problems& problems);

/// Z.ai's token from the environment.
inline constexpr std::string_view kUpstreamToken = "UPSTREAM_TOKEN";

/// What only providers of type zai have: the platform that each belongs to, its address, and whose
/// token UPSTREAM_TOKEN replaces. `list` is that of `providers`.
void bind_zai(const Node& list, const Surroundings& surroundings, std::vector<Provider>& providers,
              Problems& problems);

/// The database, the ledger, billing, the limiter, and the models with their prices. `config` has
/// its data_dir already.
void bind_accounting(const Node& root, Config& config, Problems& problems);

/// What the key at `node` may use, and who pays. `path` is its name in messages.
void bind_allowance(const Node& node, const std::string& path, Key& key, Problems& problems);

}  // namespace sluice::config
