#include "dialect/chat/efforts.hpp"

#include <algorithm>
#include <array>

namespace sluice::dialect::chat {
namespace {

using Thinking = Reasoning::Thinking;

// In the order of Effort.
constexpr std::array<int64_t, kEfforts> kBudgets = {0,     0,      1'024,  2'048,
                                                    8'192, 16'384, 24'576, 32'000};

}  // namespace

int64_t budget_of(Effort effort) { return kBudgets[static_cast<size_t>(effort)]; }

Effort effort_of_budget(int64_t budget) {
  for (auto i = static_cast<size_t>(Effort::kMinimal); i < kEfforts; ++i) {
    if (budget <= kBudgets[i]) return static_cast<Effort>(i);
  }
  return Effort::kMax;
}

Effort asked_effort(const Reasoning& reasoning) {
  switch (reasoning.thinking) {
    case Thinking::kUnset:
      return reasoning.effort;
    case Thinking::kDisabled:
    case Thinking::kBetweenTools:
      return Effort::kNone;
    case Thinking::kEnabled:
      return effort_of_budget(reasoning.budget);
    case Thinking::kAdaptive:
      return reasoning.effort == Effort::kUnset ? Effort::kHigh : reasoning.effort;
  }
  return Effort::kUnset;
}

Effort nearest_effort(Effort effort, std::bitset<kEfforts> levels) {
  const auto least = static_cast<size_t>(std::min(effort, Effort::kMinimal));
  for (auto i = static_cast<size_t>(effort); i >= least && i > 0; --i) {
    if (levels.test(i)) return static_cast<Effort>(i);
  }
  for (auto i = static_cast<size_t>(effort); i < kEfforts; ++i) {
    if (levels.test(i)) return static_cast<Effort>(i);
  }
  return Effort::kUnset;
}

bool needs_responses(const Request& request, const Capabilities& model) {
  using Tools = Capabilities::ToolsWithReasoning;
  if (request.tools.empty() || model.tools_with_reasoning != Tools::kUseResponses) return false;
  const Effort asked = asked_effort(request.reasoning);
  const Effort effort = asked == Effort::kUnset ? model.effort_default : asked;
  return effort != Effort::kUnset && effort != Effort::kNone;
}

}  // namespace sluice::dialect::chat
