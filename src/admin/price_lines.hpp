// How the cost of a request was computed, for whoever pays it.
#pragma once

#include <string>

#include "base/error.hpp"
#include "json/writer.hpp"
#include "store/database.hpp"

namespace sluice::admin {

/// Members of a row's story: `price`, the version that it was priced by, and `price_lines`, whose
/// amounts are exact and come to the cost once their sum is rounded to the nano-dollar; null and
/// empty where nothing was charged. Blocks.
Status write_price_lines(json::Writer& json, const store::Settlement& row,
                         store::Database& database);

/// tokens x price / 1M in USD, exact: up to 15 digits behind the point. Neither is negative.
std::string exact_amount(int64_t tokens, Money price);

/// The members of a version's object, whose braces are the caller's.
void write_rate(json::Writer& json, const store::Rate& rate);

}  // namespace sluice::admin
