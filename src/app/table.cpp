#include "app/table.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace sluice::app {

namespace {

constexpr size_t kNarrowest = 8;  // what is left of a text that is cut
constexpr std::string_view kCut = "\xe2\x80\xa6";
constexpr size_t kDeepest = 4;  // objects within objects whose members get lines of their own

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

/// Characters, as far as a terminal needs to know: bytes that begin one.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, begins_character));
}

std::string harmless(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
  }
  return text;
}

/// As a cell of a table: of a list of objects their values, "openai:3,workers:1", and of one object
/// its members in the same way.
std::string cell_of(json::Value value) {
  if (value.kind() == json::Kind::kObject) {
    std::string pairs;
    json::Members members(value);
    for (json::Member each; members.next(each);) {
      pairs += (pairs.empty() ? "" : ",") + each.key.str() + ':' + shown(each.value);
    }
    return harmless(std::move(pairs));
  }
  if (value.kind() != json::Kind::kArray) return harmless(shown(value));
  std::string out;
  for (const json::Value& each : rows_in(value)) {
    if (!out.empty()) out += ',';
    if (each.kind() != json::Kind::kObject) {
      out += shown(each);
      continue;
    }
    bool first = true;
    json::Members members(each);
    for (json::Member member; members.next(member);) {
      const std::string text = shown(member.value);
      if (text.empty()) continue;
      out += (std::exchange(first, false) ? "" : ":") + text;
    }
  }
  return harmless(std::move(out));
}

std::string cut(const std::string& text, size_t width) {
  if (width_of(text) <= width) return text;
  size_t left = width;  // one of them for the sign that it is cut
  size_t end = 0;
  while (end < text.size() && (!begins_character(text[end]) || --left > 0)) ++end;
  return text.substr(0, end) + std::string(kCut);
}

/// Half a number, id or time is of no use.
bool may_be_cut(const Column& column) {
  return !column.number && column.field != "id" && column.field != "at";
}

/// Of a line with two blanks between its columns; those of width 0 are left out.
size_t total_of(const std::vector<size_t>& widths) {
  size_t total = 0;
  for (const size_t each : widths) {
    if (each > 0) total += each + (total > 0 ? 2 : 0);
  }
  return total;
}

/// Takes from the widest texts until the line fits, or all are as narrow as is of any use.
void narrow(std::span<const Column> columns, std::vector<size_t>& widths, size_t width) {
  if (width == 0) return;
  while (total_of(widths) > width) {
    size_t widest = widths.size();
    for (size_t i = 0; i < widths.size(); ++i) {
      if (!may_be_cut(columns[i]) || widths[i] <= kNarrowest) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == '_') c = ' ';
  }
  return text;
}

/// A table with a column for every member of the rows that is worth one.
std::string inner_table(const std::vector<json::Value>& rows, size_t width) {
  std::vector<std::pair<std::string, bool>> names;  // and whether all are numbers
  for (const json::Value& row : rows) {
    json::Members members(row);
    for (json::Member each; members.next(each);) {
      if (shown(each.value).empty()) continue;
      const std::string name = each.key.str();
      const bool number = each.value.kind() == json::Kind::kNumber;
      const auto there = std::ranges::find(names, name, &std::pair<std::string, bool>::first);
      if (there == names.end()) {
        names.emplace_back(name, number);
      } else {
        there->second = there->second && number;
      }
    }
  }
  std::vector<std::string> titles;
  for (const auto& [name, number] : names) titles.push_back(upper(name));
  std::vector<Column> columns;
  for (size_t i = 0; i < names.size(); ++i) {
    columns.push_back({.title = titles[i], .field = names[i].first, .number = names[i].second});
  }
  return table(columns, rows, width);
}

struct Lines {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::string tables;
  size_t width;

  void add(const std::string& name, json::Value value, size_t depth) {
    if (value.kind() == json::Kind::kObject && depth < kDeepest) {
      json::Members members(value);
      for (json::Member each; members.next(each);) {
        add(name.empty() ? each.key.str() : name + '.' + each.key.str(), each.value, depth + 1);
      }
      return;
    }
    if (value.kind() == json::Kind::kArray) {
      const std::vector<json::Value> rows = rows_in(value);
      if (!rows.empty() && rows.front().kind() == json::Kind::kObject) {
        tables += fmt::format("\n{}\n{}", harmless(name), inner_table(rows, width));
        return;
      }
    }
    if (std::string text = shown(value); !text.empty()) {
      pairs.emplace_back(harmless(name), harmless(std::move(text)));
    }
  }
};

}  // namespace

json::Value value_at(json::Value row, std::string_view path) {
  for (;;) {
    const size_t dot = path.find('.');
    row = row[path.substr(0, dot)];
    if (dot == std::string_view::npos || !row.exists()) return row;
    path.remove_prefix(dot + 1);
  }
}

std::vector<json::Value> rows_in(json::Value list) {
  std::vector<json::Value> rows;
  json::Elements elements(list);
  json::Value element;
  while (elements.next(element)) rows.push_back(element);
  return rows;
}

size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string table(std::span<const Column> columns, const std::vector<json::Value>& rows,
                  size_t width) {
  if (rows.empty()) return "nothing\n";
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns) lines[0].emplace_back(column.title);
  for (const json::Value& row : rows) {
    auto& line = lines.emplace_back();
    for (const Column& column : columns) {
      line.push_back(cell_of(value_at(row, column.field)));
    }
  }
  std::vector<size_t> widths(columns.size());
  std::vector<bool> kept(columns.size(), true);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width_of(line[i]));
  }
  // Where there is no room, columns go first that say nothing.
  if (width != 0 && total_of(widths) > width) {
    for (size_t i = 0; i < columns.size(); ++i) {
      const auto says = [i](const auto& line) { return !line[i].empty(); };
      kept[i] = std::any_of(lines.begin() + 1, lines.end(), says);
      if (!kept[i]) widths[i] = 0;
    }
  }
  narrow(columns, widths, width);
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      if (!kept[i]) continue;
      if (!text.empty()) text += "  ";
      const std::string cell = cut(line[i], widths[i]);
      const std::string padding(widths[i] - width_of(cell), ' ');
      text += columns[i].number ? padding + cell : cell + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  }
  return out;
}

std::string details(json::Value object, size_t width) {
  Lines lines{.pairs = {}, .tables = {}, .width = width};
  lines.add({}, object, 0);
  size_t widest = 0;
  for (const auto& [name, value] : lines.pairs) widest = std::max(widest, width_of(name));
  std::string out;
  for (const auto& [name, value] : lines.pairs) {
    out += name + std::string(widest - width_of(name) + 2, ' ') + value + '\n';
  }
  out += lines.tables;
  return out.empty() ? "nothing\n" : out;
}

}  // namespace sluice::app
