// What the triggers of 009_changes.sql do, for a MySQL server that lets its user make none.
#pragma once

#include <string>
#include <string_view>

#include "store/soci.hpp"

namespace sluice::store::server {

/// The kind of change that a statement of ours makes, as `changes` keeps it; empty where nobody has
/// to hear of it.
std::string_view kind_of(std::string_view statement);

/// Whether the triggers are there. Throws what SOCI throws.
bool has_triggers(soci::session& mysql);

/// Watches a transaction from here to its end, and notes what it has changed.
class Notes {
 public:
  explicit Notes(soci::session& session);
  ~Notes();
  Notes(const Notes&) = delete;
  Notes& operator=(const Notes&) = delete;

  /// Last of all. Whose ids those are is not known: others read all of the kind.
  void write(const std::string& origin);

 private:
  class Logger;

  soci::session& session_;
  const soci::logger before_;
  std::string kinds_;  // each with a blank behind it
};

}  // namespace sluice::store::server
