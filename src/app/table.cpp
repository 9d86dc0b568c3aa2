#include "app/table.hpp"

#include <algorithm>

#include "base/money.hpp"

namespace sluice::app {

namespace {

/// Characters, as far as a terminal needs to know: bytes that begin one.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string harmless(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  }
  return text;
}

std::string csv_cell(std::string text, bool is_text) {
  if (is_text && !text.empty() && std::string_view("=+-@\t\r").contains(text.front()) &&
      !parse_money(text)) {
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

std::string table(const std::vector<Column>& columns, const std::vector<json::Value>& rows) {
  if (rows.empty()) return "nothing\n";
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns) lines[0].push_back(column.title);
  for (const json::Value& row : rows) {
    auto& line = lines.emplace_back();
    for (const Column& column : columns) line.push_back(harmless(shown(row[column.field])));
  }
  std::vector<size_t> widths(columns.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      if (i > 0) text += "  ";
      const std::string padding(widths[i] - width(line[i]), ' ');
      text += columns[i].number ? padding + line[i] : line[i] + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
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

}  // namespace sluice::app
