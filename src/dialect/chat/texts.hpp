// Texts of a conversation in the form in which JSON holds them. A json::String is either a slice
// of the body or kept by an Arena; either way its bytes may stand between quotes as they are, so
// that most texts are never decoded on their way from one dialect to the other.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "json/reader.hpp"
#include "json/slices.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::chat {

/// Keeps what is not a slice of the body. What it hands out lives as long as the arena, also when
/// the arena is moved.
class Arena {
 public:
  Arena() = default;
  Arena(Arena&&) noexcept = default;
  Arena& operator=(Arena&&) noexcept = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// A text as it is meant. Bytes that are not UTF-8 become U+FFFD.
  json::String text(std::string_view decoded);
  /// A text that is written as JSON already, without quotes.
  json::String escaped(std::string bytes);
  /// One JSON value.
  json::Value value(std::string json);

 private:
  std::deque<std::string> kept_;
};

/// A text that stands in the program itself: printable ASCII without quotes and backslashes.
constexpr json::String literal(std::string_view text) { return {.bytes = text, .escaped = false}; }

/// The value as a text; empty when it is none.
json::String as_text(json::Value value);

/// Nothing in it but white space.
bool is_blank(json::String text);
/// Without the white space at its end.
json::String trim_end(json::String text);

/// Appends the text with its quotes, its escapes as they are, but for lone surrogates, which
/// become U+FFFD.
void append_text(std::string& out, json::String text);
/// Appends a valid JSON value without the white space between its tokens. Numbers, the order of
/// members and escapes stay as they are; lone surrogates become U+FFFD.
void append_compact(std::string& out, std::string_view json);

/// The text with U+FFFD in place of bytes that are not UTF-8; outside of JSON's strings too.
std::string mend_utf8(std::string_view text);

/// Adds the text as the writer's next value.
void write_text(json::Writer& out, json::String text);
void write_compact(json::Writer& out, json::Value value);

/// Texts one after another, as one text.
class Joined {
 public:
  /// `between` is put between two texts, as it would stand in JSON.
  explicit Joined(std::string_view between = {}) : between_(between) {}

  void add(json::String text);
  bool any() const { return any_; }
  json::String keep(Arena& arena) { return arena.escaped(std::move(bytes_)); }

 private:
  std::string_view between_;
  std::string bytes_;
  bool any_ = false;
};

}  // namespace sluice::dialect::chat
