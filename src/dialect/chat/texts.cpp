#include "dialect/chat/texts.hpp"

#include <algorithm>

#include "json/scan.hpp"

namespace sluice::dialect::chat {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// The code unit of the escape \uXXXX at `at`, of which all is there; 0 for another escape.
uint32_t unit_at(std::string_view text, size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return 0;
  uint32_t unit = 0;
  for (const char c : text.substr(at + 2, 4)) {
    const uint32_t digit =
        c <= '9' ? static_cast<uint32_t>(c - '0') : static_cast<uint32_t>((c | 0x20) - 'a') + 10;
    unit = unit << 4 | digit;
  }
  return unit;
}

bool is_high(uint32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low(uint32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

/// Appends what stands in a string from `at` up to the quote that ends it, or to the end of the
/// text, in as few pieces as lone surrogates allow. Returns where it stopped.
size_t append_inside(std::string& out, std::string_view text, size_t at) {
  constexpr size_t kUnit = 6;  // bytes of \uXXXX
  const char* const end = text.data() + text.size();
  size_t begin = at;
  while (true) {
    at = static_cast<size_t>(json::find_special(text.data() + at, end) - text.data());
    if (at >= text.size() || text[at] == '"') break;
    if (text[at] != '\\' || at + 1 >= text.size()) {
      ++at;
    } else if (text[at + 1] != 'u') {
      at += 2;
    } else if (const uint32_t unit = unit_at(text, at);
               is_high(unit) && is_low(unit_at(text, at + kUnit))) {
      at += 2 * kUnit;
    } else if (is_high(unit) || is_low(unit)) {
      out.append(text, begin, at - begin);
      out += "\\ufffd";
      at += kUnit;
      begin = at;
    } else {
      at = std::min(at + kUnit, text.size());
    }
  }
  out.append(text, begin, at - begin);
  return at;
}

/// Length of the white space that a text begins with, as the text means it.
size_t blank_prefix(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    if (kSpace.contains(bytes[at])) {
      ++at;
    } else if (bytes[at] == '\\' && at + 1 < bytes.size() &&
               std::string_view("nrt").contains(bytes[at + 1])) {
      at += 2;
    } else {
      break;
    }
  }
  return at;
}

}  // namespace

json::String Arena::text(std::string_view decoded) {
  std::string& kept = kept_.emplace_back();
  json::append_string(kept, decoded);
  const std::string_view bytes = std::string_view(kept).substr(1, kept.size() - 2);
  return {.bytes = bytes, .escaped = bytes.contains('\\')};
}

json::String Arena::escaped(std::string bytes) {
  const std::string& kept = kept_.emplace_back(std::move(bytes));
  return {.bytes = kept, .escaped = kept.contains('\\')};
}

json::Value Arena::value(std::string json) {
  return json::Value(kept_.emplace_back(std::move(json)));
}

json::String as_text(json::Value value) {
  if (value.kind() != json::Kind::kString) return {};
  const std::string_view bytes = value.raw().substr(1, value.raw().size() - 2);
  return {.bytes = bytes, .escaped = bytes.contains('\\')};
}

bool is_blank(json::String text) { return blank_prefix(text.bytes) == text.bytes.size(); }

json::String trim_end(json::String text) {
  std::string_view bytes = text.bytes;
  while (!bytes.empty()) {
    if (kSpace.contains(bytes.back())) {
      bytes.remove_suffix(1);
      continue;
    }
    // An escape is one when an odd number of backslashes stands before its letter.
    if (bytes.size() < 2 || !std::string_view("nrt").contains(bytes.back())) break;
    const size_t other = bytes.substr(0, bytes.size() - 1).find_last_not_of('\\');
    const size_t slashes = bytes.size() - 1 - (other == std::string_view::npos ? 0 : other + 1);
    if (slashes % 2 == 0) break;
    bytes.remove_suffix(2);
  }
  return {.bytes = bytes, .escaped = text.escaped};
}

void append_text(std::string& out, json::String text) {
  out += '"';
  if (text.escaped) {
    append_inside(out, text.bytes, 0);
  } else {
    out += text.bytes;
  }
  out += '"';
}

void append_compact(std::string& out, std::string_view json) {
  size_t at = 0;
  while (at < json.size()) {
    const char c = json[at++];
    if (kSpace.contains(c)) continue;
    out += c;
    if (c != '"') continue;
    at = append_inside(out, json, at);
    if (at < json.size()) out += json[at++];
  }
}

std::string mend_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  while (!text.empty()) {
    const auto ascii = static_cast<size_t>(std::ranges::find_if_not(text, is_ascii) - text.begin());
    out += text.substr(0, ascii);
    text.remove_prefix(ascii);
    const auto other = static_cast<size_t>(std::ranges::find_if(text, is_ascii) - text.begin());
    std::string quoted;
    json::append_string(quoted, text.substr(0, other));
    out.append(quoted, 1, quoted.size() - 2);
    text.remove_prefix(other);
  }
  return out;
}

void write_text(json::Writer& out, json::String text) {
  std::string quoted;
  quoted.reserve(text.bytes.size() + 2);
  append_text(quoted, text);
  out.raw(quoted);
}

void write_compact(json::Writer& out, json::Value value) {
  std::string compact;
  compact.reserve(value.raw().size());
  append_compact(compact, value.raw());
  out.raw(compact);
}

void Joined::add(json::String text) {
  if (any_) bytes_ += between_;
  any_ = true;
  bytes_ += text.bytes;
}

}  // namespace sluice::dialect::chat
