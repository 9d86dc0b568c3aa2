// How much a Claude model is to think, how much it may say, and what that forbids: the rules of
// each generation of models, by their capabilities.
#pragma once

#include <cstdint>

#include "dialect/anthropic/turns.hpp"
#include "dialect/chat/convert.hpp"

namespace sluice::dialect::anthropic {

struct ReasoningPlan {
  chat::Reasoning::Thinking thinking = chat::Reasoning::Thinking::kUnset;
  int64_t budget = 0;       // kEnabled
  bool verbatim = false;    // the client's own object is sent
  bool summarized = false;  // ask for thinking that can be shown
  chat::Effort effort = chat::Effort::kUnset;
  int64_t max_tokens = 0;

  bool manual() const { return thinking == chat::Reasoning::Thinking::kEnabled; }
  bool thinks() const { return manual() || thinking == chat::Reasoning::Thinking::kAdaptive; }
};

/// Decides; what cannot be had as asked is noted in `dropped`.
ReasoningPlan plan_reasoning(const chat::Request& request, const Turns& turns,
                             const chat::Target& target, std::vector<std::string>& dropped);

}  // namespace sluice::dialect::anthropic
