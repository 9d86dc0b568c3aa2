// The catalog in SQL.
#pragma once

#include <string>
#include <vector>

#include "store/catalog.hpp"
#include "store/sessions.hpp"

namespace sluice::store {

class SqlCatalog final : public Catalog {
 public:
  explicit SqlCatalog(Sessions& sessions) : sessions_(sessions) {}

  Result<CatalogRows> rows() override;
  Result<ProviderRow> add(const ProviderRow& provider) override;
  Result<GroupRow> add(const GroupRow& group) override;
  Result<RuleRow> add(const RuleRow& rule) override;
  Result<ProviderRow> change(const ProviderRow& provider) override;
  Result<GroupRow> change(const GroupRow& group) override;
  Result<RuleRow> change(const RuleRow& rule) override;
  Status remove_provider(int64_t id, int64_t version) override;
  Status remove_group(int64_t id, int64_t version) override;
  Status remove_rule(int64_t id, int64_t version) override;
  Status replace_routing(const std::vector<GroupRow>& groups, const std::vector<RuleRow>& rules,
                         const std::string& base) override;
  Status replace_secrets(const ProviderRow& present, const std::string& api_key,
                         const std::string& headers) override;

 private:
  Status remove(const char* table, int64_t id, int64_t version);

  Sessions& sessions_;
};

}  // namespace sluice::store
