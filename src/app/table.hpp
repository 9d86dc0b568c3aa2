// JSON rows for people and for spreadsheets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/slices.hpp"

namespace sluice::app {

struct Column {
  std::string title;
  std::string field;    // of every row
  bool number = false;  // flush right
};

/// Columns as wide as their longest value; "nothing" when there is no row. Control characters,
/// which a terminal would obey, become '?'.
std::string table(const std::vector<Column>& columns, const std::vector<json::Value>& rows);

/// A value as people read it: a string without its quotes, a list with commas, null as "".
std::string shown(json::Value value);

/// RFC 4180, a header line with the names of `row`'s members.
std::string csv_header(json::Value row);
/// A text that a spreadsheet would take for a formula gets an apostrophe in front.
std::string csv_line(json::Value row);

}  // namespace sluice::app
