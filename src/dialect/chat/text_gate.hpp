// What is done to the texts of a streamed answer on their way, as answer_text.hpp does it to those
// of a whole one.
#pragma once

#include <string>

#include "dialect/chat/answer.hpp"
#include "dialect/chat/events.hpp"

namespace sluice::dialect::chat {

/// Makes text of the call that stands for JSON, takes a fence off, and ends the text before a stop
/// sequence that the upstream was not given. Holds back no more than may still turn out to be
/// part of a fence or a stop sequence.
class TextGate final : public EventSink {
 public:
  /// Whether an answer needs one.
  static bool needed(const AnswerPlan& plan);

  /// Both outlive the gate.
  TextGate(const AnswerPlan& plan, EventSink& next) : plan_(plan), next_(next) {}

  void take(const Event& event) override;

  /// The stop sequence that was found, nothing passes after it; nullptr without one.
  const std::string* matched() const { return matched_; }

 private:
  enum class Fence : uint8_t { kUnknown, kNone, kInside };

  void take_text(json::String text);
  void take_fence(std::string_view text, bool last);
  void scan(std::string_view text, bool last);
  void pass(std::string_view text);
  void stop_block();

  const AnswerPlan& plan_;
  EventSink& next_;
  bool call_ = false;    // the open block is a call that becomes text
  bool open_ = false;    // a text block has been begun behind the gate
  bool any_ = false;     // something came of the open block
  bool inside_ = false;  // something of what the fence encloses has passed
  Fence fence_ = Fence::kUnknown;
  const std::string* matched_ = nullptr;
  std::string fenced_;   // held back for the fence, decoded
  std::string scanned_;  // held back for stop sequences, decoded
  std::string decoded_;
  std::string encoded_;
};

}  // namespace sluice::dialect::chat
