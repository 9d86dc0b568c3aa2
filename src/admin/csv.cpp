#include "admin/csv.hpp"

#include <string_view>
#include <utility>

#include "base/money.hpp"

namespace sluice::admin {

namespace {

/// What a spreadsheet takes for the beginning of a formula: also = + - @ in their wide forms.
bool could_be_a_formula(std::string_view text) {
  for (const std::string_view start : {"=", "+", "-", "@", "\t", "\r", "\xef\xbc\x9d",
                                       "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"}) {
    if (text.starts_with(start)) return true;
  }
  return false;
}

std::string csv_cell(std::string text, bool is_text) {
  if (is_text && could_be_a_formula(text) && !parse_money(text)) {
    text.insert(text.begin(), '\'');
  }
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string shown(json::Value value) {
  if (const auto text = value.as_string()) return *text;
  if (value.is_null() || !value.exists()) return {};
  if (value.kind() != json::Kind::kArray) return std::string(value.raw());
  std::string out;
  json::Elements elements(value);
  json::Value element;
  while (elements.next(element)) {
    if (!out.empty()) out += ',';
    out += shown(element);
  }
  return out;
}

std::string csv_header(json::Value row) {
  std::string out;
  json::Members members(row);
  json::Member member;
  while (members.next(member)) {
    if (!out.empty()) out += ',';
    out += csv_cell(member.key.str(), false);
  }
  return out + "\r\n";
}

std::string csv_line(json::Value row) {
  std::string out;
  bool first = true;
  json::Members members(row);
  json::Member member;
  while (members.next(member)) {
    if (!std::exchange(first, false)) out += ',';
    out += csv_cell(shown(member.value), member.value.kind() == json::Kind::kString);
  }
  return out + "\r\n";
}

}  // namespace sluice::admin
