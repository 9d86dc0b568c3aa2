#include "store/sql_database.hpp"

namespace sluice::store {

Result<std::vector<Database::Difference>> SqlDatabase::verify() {
  return fail(ErrorCode::kInternal, "not written yet");
}
}  // namespace sluice::store
