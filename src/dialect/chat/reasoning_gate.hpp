// How a client sees what the model thinks, where it is not to see it as its dialect shows it.
#pragma once

#include "dialect/chat/answer.hpp"
#include "dialect/chat/events.hpp"

namespace sluice::dialect::chat {

/// Takes the thinking out of a streamed answer, or makes it text between <think> and </think>.
class ReasoningGate final : public EventSink {
 public:
  /// Whether an answer needs one.
  static bool needed(const AnswerPlan& plan);

  /// Both outlive the gate.
  ReasoningGate(const AnswerPlan& plan, EventSink& next) : plan_(plan), next_(next) {}

  void take(const Event& event) override;

 private:
  void pass(Event::Kind kind, json::String text = {});

  const AnswerPlan& plan_;
  EventSink& next_;
  bool open_ = false;  // a text block has been begun for the thinking
};

/// The same in a whole answer.
void show_reasoning(Answer& answer, const AnswerPlan& plan);

}  // namespace sluice::dialect::chat
