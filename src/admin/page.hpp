// Pages of lists that a handler answers whole, since they are short.
#pragma once

#include <vector>

#include "admin/routes.hpp"

namespace sluice::admin {

/// The parameters that a route takes: its own, and of a short list those that ask for a page.
std::vector<Field> query_of(const Route& route);

/// Keeps of `data` in a list of {"data", "next_cursor"} what `limit` and `cursor` ask for, and says
/// where the next page begins. Without either the list stays whole. kInvalidRequest.
Status keep_page(const Query& query, Answer& answer);

}  // namespace sluice::admin
