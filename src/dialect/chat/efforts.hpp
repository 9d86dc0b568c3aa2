// Between the ways in which dialects say how much a model is to think: a level, or a number of
// tokens.
#pragma once

#include <bitset>
#include <cstdint>

#include "dialect/chat/capabilities.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

/// Thinking tokens for an effort; 0 for kUnset and kNone.
int64_t budget_of(Effort effort);
/// The effort that thinking with such a budget amounts to.
Effort effort_of_budget(int64_t budget);

/// What the client asks for, as a level; kUnset where it asks for nothing. Thinking as much as the
/// model likes is kHigh.
Effort asked_effort(const Reasoning& reasoning);

/// The nearest of the levels that a model has, rather less than more, but not kNone for some;
/// kUnset where there are none.
Effort nearest_effort(Effort effort, std::bitset<kEfforts> levels);

/// Over Chat Completions the model would refuse the request, since it has tools and is to think, or
/// thinks unless it is told not to.
bool needs_responses(const Request& request, const Capabilities& model);

}  // namespace sluice::dialect::chat
