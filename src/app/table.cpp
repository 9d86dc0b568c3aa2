#include "app/table.hpp"

#include <algorithm>

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

}  // namespace

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

}  // namespace sluice::app
