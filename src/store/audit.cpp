#include "store/audit.hpp"

#include <algorithm>
#include <utility>

#include "store/sql_audit.hpp"
#include "store/sql_database.hpp"

namespace sluice::store {

Status SqlAudit::note(const AuditEntry& entry) {
  const int64_t at = entry.at != 0 ? entry.at : unix_ms();
  const auto done = sessions_.write([&](soci::session& sql) -> Result<bool> {
    sql << "INSERT INTO audit_log (at, actor, address, action, subject, before_state, after_state)"
           " VALUES (:at, :actor, :address, :action, :subject, :before, :after)",
        soci::use(at), soci::use(entry.actor), soci::use(entry.address), soci::use(entry.action),
        soci::use(entry.subject), soci::use(entry.before), soci::use(entry.after);
    return true;
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<std::vector<AuditEntry>> SqlAudit::entries(const AuditFilter& filter) {
  const std::pair<const char*, const std::string*> wanted[] = {
      {" AND actor = :actor", &filter.actor},
      {" AND action = :action", &filter.action},
      {" AND subject = :subject", &filter.subject}};
  // What an index can begin at is said apart from what it cannot.
  const bool goes_on = filter.before_id != 0;
  const int64_t last = goes_on ? std::min(filter.before_at, filter.to - 1) : filter.to - 1;
  std::string text =
      "SELECT id, at, actor, address, action, subject, before_state, after_state FROM audit_log"
      " WHERE at >= :from AND at <= :last";
  for (const auto& [condition, value] : wanted) text += value->empty() ? "" : condition;
  if (goes_on) text += " AND (at < :before_at OR id < :before_id)";
  text += " ORDER BY at DESC, id DESC LIMIT :most";
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<AuditEntry>> {
    std::vector<AuditEntry> all;
    AuditEntry row;
    soci::details::prepare_temp_type query = sql.prepare << text;
    query, soci::use(filter.from), soci::use(last);
    for (const auto& [condition, value] : wanted) {
      if (!value->empty()) query, soci::use(*value);
    }
    if (goes_on) query, soci::use(filter.before_at), soci::use(filter.before_id);
    query, soci::use(filter.limit);
    query, soci::into(row.id), soci::into(row.at), soci::into(row.actor), soci::into(row.address),
        soci::into(row.action), soci::into(row.subject), soci::into(row.before),
        soci::into(row.after);
    soci::statement statement(query);
    statement.execute();
    while (statement.fetch()) all.push_back(row);
    return all;
  });
}

}  // namespace sluice::store
