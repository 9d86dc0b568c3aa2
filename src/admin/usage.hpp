// What lists and sums of usage share.
#pragma once

#include "admin/input.hpp"
#include "admin/routes.hpp"
#include "base/time_zone.hpp"
#include "base/token_counts.hpp"
#include "json/writer.hpp"
#include "store/database.hpp"

namespace sluice::admin {

/// The query's zone; UTC when it names none.
Result<TimeZone> zone_of(const Query& query);

/// The query's names and times, of all users' usage; a date is the beginning of a day of `zone`.
Result<store::Database::UsageFilter> filter_of(const Query& query, const TimeZone& zone);
/// The same of the caller's own usage, whatever the query says.
Result<store::Database::UsageFilter> own_filter_of(const Call& call, const TimeZone& zone);

void write_counts(json::Writer& json, const TokenCounts& counts);

/// The query asks for CSV instead of JSON. kInvalidRequest when it asks for something else.
Result<bool> wants_csv(const Query& query);
/// Rows are JSON objects whose members are in the order of `header`'s.
Answer csv_answer(const std::string& header, const std::vector<std::string>& rows);

}  // namespace sluice::admin
