// The audit log in SQL.
#pragma once

#include <vector>

#include "store/audit.hpp"
#include "store/sessions.hpp"

namespace sluice::store {

class SqlAudit final : public Audit {
 public:
  explicit SqlAudit(Sessions& sessions) : sessions_(sessions) {}

  Status note(const AuditEntry& entry) override;
  Result<std::vector<AuditEntry>> entries(const AuditFilter& filter) override;

 private:
  Sessions& sessions_;
};

}  // namespace sluice::store
