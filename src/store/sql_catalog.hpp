// The catalog in SQL.
#pragma once

#include <string>

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
  Status replace_api_key(int64_t id, const std::string& present, const std::string& next) override;

 private:
  Status remove(const char* table, int64_t id, int64_t version);

  Sessions& sessions_;
};

}  // namespace sluice::store
