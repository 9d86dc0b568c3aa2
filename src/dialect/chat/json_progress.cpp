#include "dialect/chat/json_progress.hpp"

namespace sluice::dialect::chat {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/// The character of \uXXXX at its four digits, when it is ASCII; else some letter.
char ascii_of(std::string_view digits) {
  uint32_t unit = 0;
  for (const char c : digits) {
    unit = unit << 4 | (c <= '9' ? static_cast<uint32_t>(c - '0')
                                 : static_cast<uint32_t>((c | 0x20) - 'a') + 10);
  }
  return unit < 0x80 ? static_cast<char>(unit) : 'x';
}

}  // namespace

void JsonProgress::feed(json::String piece) {
  const std::string_view bytes = piece.bytes;
  size_t at = 0;
  while (at < bytes.size()) {
    if (bytes[at] != '\\' || !piece.escaped || at + 1 == bytes.size()) {
      step(bytes[at++]);
      continue;
    }
    const char escape = bytes[at + 1];
    if (escape == 'u') {
      step(ascii_of(bytes.substr(at + 2, 4)));
      at += 6;
      continue;
    }
    const bool space = escape == 'n' || escape == 'r' || escape == 't';
    const bool control = escape == 'b' || escape == 'f';
    step(space ? ' ' : control ? 'x' : escape);
    at += 2;
  }
}

void JsonProgress::step(char c) {
  switch (state_) {
    case State::kString:
      if (c == '\\') state_ = State::kEscape;
      if (c == '"') state_ = State::kInside;
      return;
    case State::kEscape:
      state_ = State::kString;
      return;
    case State::kBefore:
      if (is_space(c)) return;
      object_ = c == '{';
      state_ = object_ ? State::kInside : State::kBroken;
      if (object_) braces_.set(depth_++);
      return;
    case State::kInside:
      step_inside(c);
      return;
    case State::kWhole:
      if (!is_space(c)) state_ = State::kBroken;
      return;
    case State::kBroken:
      return;
  }
}

void JsonProgress::step_inside(char c) {
  if (c == '"') {
    state_ = State::kString;
  } else if (c == '{' || c == '[') {
    if (depth_ == braces_.size()) {
      state_ = State::kBroken;
      return;
    }
    braces_.set(depth_++, c == '{');
  } else if (c == '}' || c == ']') {
    --depth_;
    if (braces_[depth_] != (c == '}')) {
      state_ = State::kBroken;
    } else if (depth_ == 0) {
      state_ = State::kWhole;
    }
  }
}

}  // namespace sluice::dialect::chat
