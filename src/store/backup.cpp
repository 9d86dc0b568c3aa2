#include "store/sql_database.hpp"

namespace sluice::store {

Status SqlDatabase::backup(const std::string&) {
  return fail(ErrorCode::kInternal, "not written yet");
}
Status Database::restore(const Options&, const std::string&) {
  return fail(ErrorCode::kInternal, "not written yet");
}
}  // namespace sluice::store
