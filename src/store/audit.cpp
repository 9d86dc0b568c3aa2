#include "store/audit.hpp"

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
  return sessions_.read([&](soci::session& sql) -> Result<std::vector<AuditEntry>> {
    std::vector<AuditEntry> all;
    AuditEntry row;
    soci::details::prepare_temp_type query =
        sql.prepare << "SELECT id, at, actor, address, action, subject, before_state, after_state"
                       " FROM audit_log WHERE at >= :from AND at < :to"
                    << (filter.actor.empty() ? "" : " AND actor = :actor")
                    << (filter.subject.empty() ? "" : " AND subject = :subject")
                    << (filter.before_id == 0 ? "" : " AND id < :before")
                    << " ORDER BY id DESC LIMIT :most";
    query, soci::use(filter.from), soci::use(filter.to);
    if (!filter.actor.empty()) query, soci::use(filter.actor);
    if (!filter.subject.empty()) query, soci::use(filter.subject);
    if (filter.before_id != 0) query, soci::use(filter.before_id);
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
