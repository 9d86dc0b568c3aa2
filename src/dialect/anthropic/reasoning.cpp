#include "dialect/anthropic/reasoning.hpp"

#include <algorithm>

#include "dialect/chat/efforts.hpp"
#include "dialect/chat/reading.hpp"

namespace sluice::dialect::anthropic {
namespace {

using chat::BlockKind;
using chat::Capabilities;
using chat::Effort;
using Thinking = chat::Reasoning::Thinking;

constexpr int64_t kDefaultMaxTokens = 32'000;
constexpr int64_t kUnknownMaxTokens = 8'192;
/// Room that thinking leaves for the answer, and the least that thinking may have.
constexpr int64_t kAnswerRoom = 1'024;
constexpr int64_t kLeastBudget = 1'024;

class Planner {
 public:
  Planner(const chat::Request& request, const Turns& turns, const chat::Target& target,
          std::vector<std::string>& dropped)
      : request_(request),
        turns_(turns),
        target_(target),
        model_(target.capabilities),
        dropped_(dropped) {}

  ReasoningPlan plan() {
    limit();
    const chat::Reasoning& asked = request_.reasoning;
    name_ = asked.thinking == Thinking::kUnset ? "reasoning_effort" : "thinking";
    if (asked.thinking == Thinking::kUnset) {
      by_effort(asked.effort);
    } else {
      by_thinking(asked);
    }
    if (plan_.manual()) fit_budget();
    if (plan_.manual() && lacks_thinking()) give_up();
    // Models that think by a budget show it by themselves.
    plan_.summarized =
        plan_.thinking == Thinking::kAdaptive && !plan_.verbatim && target_.expose_reasoning;
    return plan_;
  }

 private:
  void limit() {
    const int64_t most = model_.max_output;
    if (request_.max_tokens) {
      plan_.max_tokens = *request_.max_tokens;
      if (most > 0 && plan_.max_tokens > most) {
        plan_.max_tokens = most;
        chat::note(dropped_, "max_tokens");
      }
    } else {
      plan_.max_tokens = most > 0 ? std::min(most, kDefaultMaxTokens) : kUnknownMaxTokens;
    }
    if (target_.output_limit) {
      plan_.max_tokens = std::min(plan_.max_tokens, std::max<int64_t>(*target_.output_limit, 1));
    }
  }

  void lose() { chat::note(dropped_, name_); }

  bool accepts(Thinking thinking) const {
    switch (thinking) {
      case Thinking::kAdaptive:
        return model_.adaptive;
      case Thinking::kEnabled:
        return model_.enabled;
      case Thinking::kDisabled:
        return model_.disabled;
      case Thinking::kBetweenTools:
        return model_.between_tools;
      case Thinking::kUnset:
        return true;
    }
    return false;
  }

  /// The model's own level that is nearest to what is asked; none where it has no levels.
  Effort level(Effort effort) const {
    if (effort == Effort::kMinimal) effort = Effort::kLow;
    if (effort == Effort::kMax && !model_.takes(effort)) effort = Effort::kXhigh;
    if (effort == Effort::kXhigh && !model_.takes(effort)) effort = Effort::kHigh;
    return model_.takes(effort) ? effort : Effort::kUnset;
  }

  void by_effort(Effort effort) {
    if (effort == Effort::kUnset) return;
    if (effort == Effort::kNone) return without_thinking();
    if (model_.adaptive) {
      plan_.thinking = Thinking::kAdaptive;
      plan_.effort = level(effort);
    } else if (model_.enabled) {
      plan_.thinking = Thinking::kEnabled;
      plan_.budget = chat::budget_of(effort);
    } else {
      lose();
    }
  }

  void without_thinking() {
    if (!model_.adaptive && !model_.between_tools) return;  // it does not think unless asked to
    if (model_.disabled) {
      plan_.thinking = Thinking::kDisabled;
    } else if (model_.between_tools) {
      plan_.thinking = Thinking::kBetweenTools;
      plan_.effort = level(Effort::kLow);
    } else {
      plan_.effort = level(Effort::kLow);
      lose();
    }
  }

  /// The client speaks Anthropic's language itself, perhaps to a model of another generation.
  void by_thinking(const chat::Reasoning& asked) {
    if (accepts(asked.thinking)) {
      plan_.thinking = asked.thinking;
      plan_.budget = asked.budget;
      plan_.verbatim = true;
      plan_.effort = level(asked.effort);
      if (asked.thinking == Thinking::kDisabled && plan_.effort > model_.disabled_up_to) {
        plan_.effort = model_.disabled_up_to;
        chat::note(dropped_, "reasoning_effort");
      }
      return;
    }
    lose();
    if (asked.thinking == Thinking::kDisabled || asked.thinking == Thinking::kBetweenTools) {
      return without_thinking();
    }
    Effort effort = asked.effort;
    if (effort == Effort::kUnset && asked.thinking == Thinking::kEnabled) {
      effort = std::max(chat::effort_of_budget(asked.budget), Effort::kLow);
    }
    by_effort(effort == Effort::kUnset ? Effort::kHigh : effort);
  }

  /// A budget must be below the limit. The gateway's own limit makes way; the client's does not.
  void fit_budget() {
    if (!request_.max_tokens && !target_.output_limit) {
      const int64_t wanted = plan_.budget + 8 * kAnswerRoom;
      plan_.max_tokens = std::max(plan_.max_tokens, wanted);
      if (model_.max_output > 0) plan_.max_tokens = std::min(plan_.max_tokens, model_.max_output);
    }
    const int64_t fitting = std::min(plan_.budget, plan_.max_tokens - kAnswerRoom);
    if (fitting == plan_.budget && fitting >= kLeastBudget) return;
    plan_.verbatim = false;
    plan_.budget = fitting;
    if (fitting < kLeastBudget) give_up();
  }

  /// With a budget, a turn that calls tools must begin with the thinking that led to it.
  bool lacks_thinking() const {
    for (auto turn = turns_.turns.rbegin(); turn != turns_.turns.rend(); ++turn) {
      if (turn->role != chat::Role::kAssistant || turn->blocks.empty()) continue;
      const BlockKind first = turn->blocks.front().kind;
      const bool thinks = first == BlockKind::kThinking || first == BlockKind::kRedactedThinking;
      return !thinks && std::ranges::any_of(turn->blocks, [](const chat::Block& block) {
        return block.kind == BlockKind::kToolUse;
      });
    }
    return false;
  }

  void give_up() {
    plan_.thinking = Thinking::kUnset;
    plan_.verbatim = false;
    lose();
  }

  const chat::Request& request_;
  const Turns& turns_;
  const chat::Target& target_;
  const Capabilities& model_;
  std::vector<std::string>& dropped_;
  std::string_view name_;
  ReasoningPlan plan_;
};

}  // namespace

ReasoningPlan plan_reasoning(const chat::Request& request, const Turns& turns,
                             const chat::Target& target, std::vector<std::string>& dropped) {
  return Planner(request, turns, target, dropped).plan();
}

}  // namespace sluice::dialect::anthropic
