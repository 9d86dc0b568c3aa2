// JSON rows for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/csv.hpp"
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

using admin::csv_header;
using admin::csv_line;
using admin::shown;

}  // namespace sluice::app
