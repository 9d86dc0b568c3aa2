// How many tokens a request's prompt is: messages, tools, images, and what each costs besides its
// text, by the rules of the model's family. docs/token-counting.md has the rules for users.
#pragma once

#include <cstdint>
#include <string_view>

#include "dialect/dialect.hpp"
#include "tokens/model_table.hpp"

namespace sluice::dialect {

/// An upper estimate without tokenizing: one pass over the body. Never below count_prompt() for
/// any body that understand() has taken.
int64_t prompt_bound(Endpoint endpoint, std::string_view body, const tokens::ModelFacts& model);

/// The count by the model's encoding and rules, without any learned factor. Linear; some 6 ms a
/// megabyte, so large bodies belong on the blocking pool. The body must be one that understand()
/// has taken.
int64_t count_prompt(Endpoint endpoint, std::string_view body, const tokens::ModelFacts& model);

}  // namespace sluice::dialect
