#include "json/reader.hpp"

#include <simdjson.h>

#include "json/scan.hpp"

namespace sluice::json {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Value of a hexadecimal digit; 16 for anything else.
uint32_t hex_value(char c) {
  if (is_digit(c)) return static_cast<uint32_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint32_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<uint32_t>(c - 'A' + 10);
  return 16;
}

/// The four digits after \u, which are known to be there.
uint32_t read_unit(const char* digits) {
  uint32_t unit = 0;
  for (int i = 0; i < 4; ++i) unit = unit << 4 | hex_value(digits[i]);
  return unit;
}

bool is_high_surrogate(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

/// Decodes one piece of a valid string, a plain run or an escape, and moves past it. The result
/// is a view into the string or of `buffer`, which has room for 4 bytes.
std::string_view next_piece(const char*& at, const char* end, char* buffer) {
  if (*at != '\\') {
    const char* run = at;
    at = find_special(at, end);
    return {run, at};
  }
  const char escape = at[1];
  at += 2;
  switch (escape) {
    case 'b':
      return "\b";
    case 'f':
      return "\f";
    case 'n':
      return "\n";
    case 'r':
      return "\r";
    case 't':
      return "\t";
    case 'u':
      break;
    default:  // a quote, a slash or a backslash stands for itself
      return {at - 1, 1};
  }
  uint32_t point = read_unit(at);
  at += 4;
  if (is_high_surrogate(point) && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
      is_low_surrogate(read_unit(at + 2))) {
    point = 0x10000 + ((point - 0xD800) << 10) + (read_unit(at + 2) - 0xDC00);
    at += 6;
  } else if (is_high_surrogate(point) || is_low_surrogate(point)) {
    point = 0xFFFD;
  }
  size_t size = 0;
  if (point < 0x80) {
    buffer[size++] = static_cast<char>(point);
  } else if (point < 0x800) {
    buffer[size++] = static_cast<char>(0xC0 | point >> 6);
    buffer[size++] = static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    buffer[size++] = static_cast<char>(0xE0 | point >> 12);
    buffer[size++] = static_cast<char>(0x80 | (point >> 6 & 0x3F));
    buffer[size++] = static_cast<char>(0x80 | (point & 0x3F));
  } else {
    buffer[size++] = static_cast<char>(0xF0 | point >> 18);
    buffer[size++] = static_cast<char>(0x80 | (point >> 12 & 0x3F));
    buffer[size++] = static_cast<char>(0x80 | (point >> 6 & 0x3F));
    buffer[size++] = static_cast<char>(0x80 | (point & 0x3F));
  }
  return {buffer, size};
}

}  // namespace

void String::append_to(std::string& out) const {
  if (!escaped) {
    out.append(bytes);
    return;
  }
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  char buffer[4];
  while (at != end) out.append(next_piece(at, end, buffer));
}

std::string String::str() const {
  std::string out;
  append_to(out);
  return out;
}

bool String::equals_decoded(std::string_view decoded) const {
  const char* at = bytes.data();
  const char* end = at + bytes.size();
  char buffer[4];
  while (at != end) {
    const std::string_view piece = next_piece(at, end, buffer);
    if (!decoded.starts_with(piece)) return false;
    decoded.remove_prefix(piece.size());
  }
  return decoded.empty();
}

inline void Reader::skip_space() {
  if (at_ != end_ && static_cast<unsigned char>(*at_) > ' ') return;
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

/// At a quote. Leaves at_ behind the closing one.
inline bool Reader::read_string(String& out) {
  const char* start = ++at_;
  const char* at = find_special(start, end_);
  bool escaped = false;
  while (at != end_ && *at == '\\') {
    escaped = true;
    if (end_ - at < 2) break;
    if (at[1] == 'u') {
      if (end_ - at < 6) break;
      for (int i = 2; i < 6; ++i) {
        if (hex_value(at[i]) == 16) {
          fail();
          return false;
        }
      }
      at += 6;
    } else if (std::string_view("\"\\/bfnrt").find(at[1]) != std::string_view::npos) {
      at += 2;
    } else {
      break;
    }
    at = find_special(at, end_);
  }
  if (at == end_ || *at != '"') {
    fail();
    return false;
  }
  out.bytes = {start, at};
  out.escaped = escaped;
  at_ = at + 1;
  return true;
}

inline bool Reader::skip_literal(std::string_view literal) {
  if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(literal)) {
    fail();
    return false;
  }
  at_ += literal.size();
  return true;
}

/// At the first byte of what should be a number.
inline bool Reader::skip_number() {
  const char* at = at_;
  const auto digits = [&at, this] {
    const char* start = at;
    while (at != end_ && is_digit(*at)) ++at;
    return at != start;
  };
  if (*at == '-') ++at;
  const bool leading_zero = at != end_ && *at == '0';
  const char* integer = at;
  bool good = digits() && (!leading_zero || at - integer == 1);
  if (good && at != end_ && *at == '.') {
    ++at;
    good = digits();
  }
  if (good && at != end_ && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end_ && (*at == '+' || *at == '-')) ++at;
    good = digits();
  }
  if (!good) {
    fail();
    return false;
  }
  at_ = at;
  return true;
}

Kind Reader::peek() {
  if (failed()) return Kind::kInvalid;
  skip_space();
  if (at_ == end_) return Kind::kInvalid;
  switch (*at_) {
    case '"':
      return Kind::kString;
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kArray;
    case 'n':
      return Kind::kNull;
    case 't':
    case 'f':
      return Kind::kBool;
    default:
      return *at_ == '-' || is_digit(*at_) ? Kind::kNumber : Kind::kInvalid;
  }
}

inline bool Reader::begin(char bracket) {
  if (failed()) return false;
  skip_space();
  if (at_ == end_ || *at_ != bracket || depth_ == kMaxDepth) {
    fail();
    return false;
  }
  ++at_;
  ++depth_;
  first_ = true;
  began_ = true;
  return true;
}

bool Reader::begin_object() { return begin('{'); }
bool Reader::begin_array() { return begin('['); }

/// Steps over the comma that is due, or leaves the container at `bracket`.
inline bool Reader::step(char bracket) {
  if (failed()) return false;
  skip_space();
  if (at_ != end_ && *at_ == bracket) {
    ++at_;
    --depth_;
    first_ = false;
    return false;
  }
  if (!first_) {
    if (at_ == end_ || *at_ != ',') {
      fail();
      return false;
    }
    ++at_;
    skip_space();
  }
  first_ = false;
  return true;
}

bool Reader::next_member(String& key) {
  if (!step('}')) return false;
  if (at_ == end_ || *at_ != '"') {
    fail();
    return false;
  }
  if (!read_string(key)) return false;
  skip_space();
  if (at_ == end_ || *at_ != ':') {
    fail();
    return false;
  }
  ++at_;
  return true;
}

bool Reader::next_element() { return step(']'); }

String Reader::string() {
  String out;
  if (peek() == Kind::kString) {
    read_string(out);
    began_ = true;
  } else {
    fail();
  }
  return out;
}

bool Reader::skip_value() {
  skip_space();
  if (at_ == end_) {
    fail();
    return false;
  }
  String unused;
  switch (*at_) {
    case '"':
      return read_string(unused);
    case '{':
      begin_object();
      while (next_member(unused) && skip_value()) {
      }
      return !failed();
    case '[':
      begin_array();
      while (next_element() && skip_value()) {
      }
      return !failed();
    case 'n':
      return skip_literal("null");
    case 't':
      return skip_literal("true");
    case 'f':
      return skip_literal("false");
    default:
      return skip_number();
  }
}

std::string_view Reader::skip() {
  if (failed()) return {};
  skip_space();
  const char* start = at_;
  began_ = true;
  if (!skip_value()) return {};
  return {start, at_};
}

bool Reader::finish() {
  if (failed() || depth_ != 0 || !began_) return false;
  skip_space();
  return at_ == end_;
}

bool valid_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

bool valid(std::string_view text) {
  Reader reader(text);
  reader.skip();
  return reader.finish() && valid_utf8(text);
}

}  // namespace sluice::json
