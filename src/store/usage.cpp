#include "store/sql_database.hpp"

namespace sluice::store {

Result<std::vector<Settlement>> SqlDatabase::usage(const UsageFilter&) {
  return fail(ErrorCode::kInternal, "not written yet");
}
Result<std::optional<Settlement>> SqlDatabase::usage_row(std::string_view) {
  return fail(ErrorCode::kInternal, "not written yet");
}
Result<std::vector<Database::UsageSum>> SqlDatabase::usage_summary(std::string_view,
                                                                   const UsageFilter&) {
  return fail(ErrorCode::kInternal, "not written yet");
}
}  // namespace sluice::store
