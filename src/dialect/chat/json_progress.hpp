// Follows the text of one JSON object as it comes in pieces, to know when it is whole.
#pragma once

#include <bitset>
#include <cstdint>

#include "json/reader.hpp"

namespace sluice::dialect::chat {

/// Looks at brackets and strings alone: what it finds whole may still be no JSON, but what is not
/// whole is none.
class JsonProgress {
 public:
  /// `piece` is the content of a string in JSON, which holds a piece of the text.
  void feed(json::String piece);

  /// Something came that is not white space.
  bool begun() const { return state_ != State::kBefore; }
  /// It began with a brace.
  bool is_object() const { return object_; }
  bool whole() const { return state_ == State::kWhole; }
  /// Brackets do not match, or something follows the object.
  bool broken() const { return state_ == State::kBroken; }

 private:
  enum class State : uint8_t { kBefore, kInside, kString, kEscape, kWhole, kBroken };

  void step(char c);
  void step_inside(char c);

  State state_ = State::kBefore;
  bool object_ = false;
  uint8_t depth_ = 0;
  std::bitset<128> braces_;  // by depth: a brace was opened, not a bracket
};

}  // namespace sluice::dialect::chat
