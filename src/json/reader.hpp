// Strict JSON (RFC 8259), read by pulling: one pass, no tree, no allocation, no bytes read
// outside the text. Everything the reader passes over is checked against the grammar, so that a
// text read to its end is known to be valid, and every value can be had as the bytes it stood in.
// A tree parser would need some 14 times the body in memory; this needs none, and keeps numbers
// of any size and lone surrogates, which upstreams send, as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::json {

/// Arrays and objects may stand in each other this deep; deeper text is refused.
inline constexpr uint32_t kMaxDepth = 128;

enum class Kind : uint8_t { kInvalid, kNull, kBool, kNumber, kString, kArray, kObject };

/// A string as it stands in the text, without its quotes. A view into the text.
struct String {
  std::string_view bytes;
  bool escaped = false;  // holds at least one backslash escape

  bool empty() const { return bytes.empty(); }
  /// Compares what the string means: "mod\u0065l" equals "model".
  bool operator==(std::string_view decoded) const {
    return escaped ? equals_decoded(decoded) : bytes == decoded;
  }
  /// Appends what the string means, as UTF-8. A lone surrogate becomes U+FFFD.
  void append_to(std::string& out) const;
  std::string str() const;

 private:
  bool equals_decoded(std::string_view decoded) const;
};

/// Reads one text. Does not check UTF-8: see valid_utf8().
///
///   Reader reader(text);
///   String key;
///   if (reader.begin_object()) {
///     while (reader.next_member(key)) {
///       if (key == "model" && reader.peek() == Kind::kString) model = reader.string();
///       else reader.skip();
///     }
///   }
///   if (!reader.finish()) ...   // not valid JSON, or not an object
///
/// After next_member() or next_element() returned true exactly one value must be consumed. An
/// error is sticky: everything returns false or empty from then on.
class Reader {
 public:
  explicit Reader(std::string_view text)
      : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

  /// Kind of the value that comes next, told by its first byte.
  Kind peek();

  /// Steps into an object or array; fails when the next value is something else.
  bool begin_object();
  bool begin_array();
  /// Steps to the next member and reads its key; false at the end of the object, which it leaves.
  bool next_member(String& key);
  /// Steps to the next element; false at the end of the array, which it leaves.
  bool next_element();

  /// Consumes a string value; fails on another kind.
  String string();
  /// Consumes any value and returns its bytes.
  std::string_view skip();

  /// True when the text held exactly one value, valid to its end, and all of it was consumed.
  bool finish();
  bool failed() const { return at_ == nullptr; }
  /// Bytes from the start of the text to what is read next, which white space may precede; 0
  /// once failed.
  size_t offset() const { return failed() ? 0 : static_cast<size_t>(at_ - begin_); }

 private:
  void skip_space();
  void fail() { at_ = nullptr; }
  bool begin(char bracket);
  bool step(char bracket);
  bool read_string(String& out);
  bool skip_literal(std::string_view literal);
  bool skip_number();
  bool skip_value();

  const char* begin_;
  const char* at_;  // nullptr once failed
  const char* end_;
  uint32_t depth_ = 0;
  bool first_ = false;  // of the container just entered: no comma is due
  bool began_ = false;  // a value was consumed, or is being
};

/// True when the text is well-formed UTF-8 (no surrogates, nothing overlong).
bool valid_utf8(std::string_view text);

/// True when the text is one valid JSON value in valid UTF-8.
bool valid(std::string_view text);

}  // namespace sluice::json
