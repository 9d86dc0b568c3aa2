// JSON for people: rows in columns, and one object line by line.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/csv.hpp"
#include "json/slices.hpp"

namespace sluice::app {

struct Column {
  std::string_view title;
  std::string_view field;  // of every row; "wallet.balance" for one of an inner object
  bool number = false;     // flush right
};

/// Columns as wide as their longest value; "nothing" when there is no row. Control characters,
/// which a terminal would obey, become '?'. `width`: characters of a line at most, as far as
/// cutting texts gets it there (numbers, ids and times stay whole); 0: any.
std::string table(std::span<const Column> columns, const std::vector<json::Value>& rows,
                  size_t width = 0);
inline std::string table(std::initializer_list<Column> columns,
                         const std::vector<json::Value>& rows) {
  return table(std::span(columns.begin(), columns.size()), rows);
}

/// Every member of an object that says something, one a line; lists of objects as tables.
std::string details(json::Value object, size_t width = 0);

/// The value behind a path such as "wallet.balance".
json::Value value_at(json::Value row, std::string_view path);
std::vector<json::Value> rows_in(json::Value list);

/// Columns of the terminal that stdout is; 0 where it is none.
size_t terminal_width();

using admin::csv_header;
using admin::csv_line;
using admin::shown;

}  // namespace sluice::app
