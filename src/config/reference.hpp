// Documents that are written from the declarations of the options.
#pragma once

#include <string>

namespace sluice::config {

/// docs/config-reference.md.
std::string reference_markdown();

/// configs/schema.json: JSON Schema (2020-12) for editors. ${NAME} is allowed where a number or a
/// boolean would be.
std::string schema_json();

}  // namespace sluice::config
