#include "json/writer.hpp"

#include <charconv>
#include <cmath>

#include "json/reader.hpp"
#include "json/scan.hpp"

namespace sluice::json {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Appends valid UTF-8, escaped.
void append_escaped(std::string& out, std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  for (;;) {
    const char* special = find_special(at, end);
    out.append(at, special);
    if (special == end) return;
    switch (*special) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += *special < 0x10 ? "\\u000" : "\\u001";
        out += "0123456789abcdef"[*special & 0xF];
    }
    at = special + 1;
  }
}

/// Length of the longest prefix of `text` that starts a well-formed UTF-8 sequence; `complete`
/// tells whether it is a whole one. At least 1.
size_t sequence_length(std::string_view text, bool& complete) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  complete = lead < 0x80;
  if (lead < 0xC2 || lead > 0xF4) return 1;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size() || byte(i) < low || byte(i) > high) return i;
    low = 0x80;
    high = 0xBF;
  }
  complete = true;
  return length;
}

template <typename Number>
void append_number(std::string& out, Number value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  out.append(buffer, end);
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  if (valid_utf8(text)) {
    append_escaped(out, text);
  } else {
    while (!text.empty()) {
      bool complete = false;
      const size_t length = sequence_length(text, complete);
      append_escaped(out, complete ? text.substr(0, length) : kReplacement);
      text.remove_prefix(length);
    }
  }
  out += '"';
}

void Writer::separate() {
  if (comma_due_) out_ += ',';
  comma_due_ = true;
}

Writer& Writer::begin_object() {
  separate();
  out_ += '{';
  comma_due_ = false;
  return *this;
}

Writer& Writer::end_object() {
  out_ += '}';
  comma_due_ = true;
  return *this;
}

Writer& Writer::begin_array() {
  separate();
  out_ += '[';
  comma_due_ = false;
  return *this;
}

Writer& Writer::end_array() {
  out_ += ']';
  comma_due_ = true;
  return *this;
}

Writer& Writer::key(std::string_view name) {
  separate();
  append_string(out_, name);
  out_ += ':';
  comma_due_ = false;
  return *this;
}

Writer& Writer::string(std::string_view text) {
  separate();
  append_string(out_, text);
  return *this;
}

Writer& Writer::number(int64_t value) {
  separate();
  append_number(out_, value);
  return *this;
}

Writer& Writer::number(uint64_t value) {
  separate();
  append_number(out_, value);
  return *this;
}

Writer& Writer::number(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  append_number(out_, value);
  return *this;
}

Writer& Writer::boolean(bool value) { return raw(value ? "true" : "false"); }

Writer& Writer::null() { return raw("null"); }

Writer& Writer::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

}  // namespace sluice::json
