// JSON rows for spreadsheets.
#pragma once

#include <string>

#include "json/slices.hpp"

namespace sluice::admin {

/// A value as people read it: a string without its quotes, a list with commas, null as "".
std::string shown(json::Value value);

/// RFC 4180, a header line with the names of `row`'s members.
std::string csv_header(json::Value row);
/// A text that a spreadsheet would take for a formula gets an apostrophe in front.
std::string csv_line(json::Value row);

}  // namespace sluice::admin
