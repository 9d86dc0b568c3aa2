// What the management API shows of a provider, and how it finds one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/configuring.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

inline constexpr size_t kMaxProviderKeys = 64;
inline constexpr size_t kMaxProviderKey = 1000;  // bytes

/// What stands in place of the value of a header field; as a field's new value: as it was.
inline constexpr std::string_view kHidden = "***";

void write_provider(json::Writer& json, const config::Provider& of_file);
void write_provider(json::Writer& json, const EffectiveConfig& effective,
                    const store::ProviderRow& row);
/// With its ETag.
Answer answer_provider(const Call& call, int status, const store::ProviderRow& row);

/// {id, prefix} of each of the keys.
void write_keys(json::Writer& json, const ProviderSecrets& secrets,
                const std::vector<std::string>& keys);

/// By id where the text is a number, else by name; null where there is none.
const store::ProviderRow* find_row(const EffectiveConfig::State& state,
                                   const std::string& argument);
const config::Provider* find_in_file(const EffectiveConfig::State& state, std::string_view name);
std::unexpected<Error> no_provider();

/// That of the path in the database, which the request may change: kNotFound, kPreconditionFailed,
/// kConflict when it is the file's. Notes for the audit log what is there.
Result<store::ProviderRow> row_to_change(const Call& call);
/// Puts a row that has been edited in force; it becomes what is there then.
Status put_in_force(const Call& call, store::ProviderRow& row);

}  // namespace sluice::admin
