// Providers, groups and routing rules that stand in the database. What they mean is for others to
// say: here they are rows, which people may also write by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sluice::store {

/// Times are Unix milliseconds; version counts changes.
struct ProviderRow {
  int64_t id = 0;
  std::string name;  // unique
  std::string type;
  std::string api_key;  // as it stands there: one on each line
  std::string base_url;
  bool is_default = false;
  bool enabled = true;
  std::string models = "[]";    // JSON
  std::string settings = "{}";  // JSON
  std::string headers;          // as it stands there; empty: none
  int64_t version = 1;
  int64_t created_at = 0;
  int64_t updated_at = 0;

  bool operator==(const ProviderRow&) const = default;
};

struct RuleRow {
  int64_t id = 0;
  std::string rule_type;
  std::string pattern;
  std::string provider_name;  // or that of a group
  std::string model;
  int64_t priority = 0;
  bool enabled = true;
  int64_t version = 1;
  int64_t updated_at = 0;

  bool operator==(const RuleRow&) const = default;
};

struct MemberRow {
  std::string provider_name;
  std::string model;
  int64_t weight = 1;

  bool operator==(const MemberRow&) const = default;
};

struct GroupRow {
  int64_t id = 0;
  std::string name;  // unique
  std::string strategy = "round_robin";
  std::string affinity = "conversation";
  std::string resume;
  bool enabled = true;
  int64_t version = 1;
  int64_t updated_at = 0;
  std::vector<MemberRow> members;

  bool operator==(const GroupRow&) const = default;
};

/// Each in the order of their ids.
struct CatalogRows {
  std::vector<ProviderRow> providers;
  std::vector<GroupRow> groups;
  std::vector<RuleRow> rules;

  bool operator==(const CatalogRows&) const = default;
};

/// Which rules and groups these are: another text once one of them was added, changed or removed.
std::string routing_version(const CatalogRows& rows);

/// All functions block, and any thread may call them. kLedgerUnavailable when the database cannot
/// be read or written now.
class Catalog {
 public:
  static constexpr size_t kMost = 1000;  // rows of each kind

  virtual ~Catalog() = default;

  /// At one moment. kConfig when there are more than kMost of a kind.
  virtual Result<CatalogRows> rows() = 0;

  /// They return what is there then. kConflict when the name is taken.
  virtual Result<ProviderRow> add(const ProviderRow& provider) = 0;
  virtual Result<GroupRow> add(const GroupRow& group) = 0;
  virtual Result<RuleRow> add(const RuleRow& rule) = 0;

  /// Everything but id, version and times becomes the given. kPreconditionFailed when its version
  /// is another than there, kNotFound, kConflict.
  virtual Result<ProviderRow> change(const ProviderRow& provider) = 0;
  virtual Result<GroupRow> change(const GroupRow& group) = 0;
  virtual Result<RuleRow> change(const RuleRow& rule) = 0;

  /// kPreconditionFailed, kNotFound.
  virtual Status remove_provider(int64_t id, int64_t version) = 0;
  virtual Status remove_group(int64_t id, int64_t version) = 0;
  virtual Status remove_rule(int64_t id, int64_t version) = 0;

  /// All rules and groups become the given, which are new where their id is 0. kConflict when they
  /// are not those of `base`, a routing_version(), or a name stands there twice; kNotFound for an
  /// id that is not there.
  virtual Status replace_routing(const std::vector<GroupRow>& groups,
                                 const std::vector<RuleRow>& rules, const std::string& base) = 0;

  /// Puts the same secrets there in another form, unless one has changed; that is no change.
  virtual Status replace_secrets(const ProviderRow& present, const std::string& api_key,
                                 const std::string& headers) = 0;
};

}  // namespace sluice::store
