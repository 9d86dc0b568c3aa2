#include "store/catalog.hpp"

#include <gtest/gtest.h>

#include "store/audit.hpp"
#include "store/test_store.hpp"

namespace sluice::store {
namespace {

using testing::must_open;
using testing::TestPlace;

class CatalogTest : public ::testing::TestWithParam<Server> {
 protected:
  Catalog& catalog() { return database_->catalog(); }
  static ProviderRow named(std::string name) {
    ProviderRow row;
    row.name = std::move(name);
    row.type = "openai";
    row.api_key = "sealed";
    row.base_url = "https://example.com/v1";
    row.models = R"(["a","b"])";
    return row;
  }
  template <typename T>
  static std::string code(const Result<T>& result) {
    return result ? "done" : std::string(to_string(result.error().code));
  }

  TestPlace folder_{GetParam()};
  std::unique_ptr<Database> database_ = must_open(folder_.options());
};

TEST_P(CatalogTest, KeepsProviders) {
  ProviderRow wanted = named("main");
  wanted.is_default = true;
  const ProviderRow made = catalog().add(wanted).value();
  EXPECT_GT(made.id, 0);
  EXPECT_EQ(made.version, 1);
  EXPECT_TRUE(made.is_default);
  EXPECT_TRUE(made.enabled);
  EXPECT_EQ(made.models, R"(["a","b"])");
  EXPECT_EQ(made.settings, "{}");
  EXPECT_EQ(code(catalog().add(named("main"))), "conflict");

  const ProviderRow other = catalog().add(named("other")).value();
  ProviderRow change = made;
  change.name = "other";
  EXPECT_EQ(code(catalog().change(change)), "conflict");
  change.name = "renamed";
  change.enabled = false;
  const ProviderRow changed = catalog().change(change).value();
  EXPECT_EQ(changed.version, 2);
  EXPECT_FALSE(changed.enabled);
  EXPECT_EQ(code(catalog().change(change)), "precondition_failed");
  EXPECT_EQ(catalog().rows().value().providers.size(), 2U);

  EXPECT_EQ(code(catalog().remove_provider(other.id, 7)), "precondition_failed");
  EXPECT_EQ(code(catalog().remove_provider(other.id, 1)), "done");
  EXPECT_EQ(code(catalog().remove_provider(other.id, 1)), "not_found");
  EXPECT_EQ(code(catalog().change(other)), "not_found");
}

TEST_P(CatalogTest, PutsSecretsInAnotherFormOnlyWhileTheyAreTheSame) {
  const ProviderRow made = catalog().add(named("main")).value();
  ProviderRow other = made;
  other.api_key = "another";
  ASSERT_TRUE(catalog().replace_secrets(other, "wrong", "wrong"));
  other = made;
  other.headers = "another";
  ASSERT_TRUE(catalog().replace_secrets(other, "wrong", "wrong"));
  EXPECT_EQ(catalog().rows().value().providers.at(0).api_key, "sealed");
  ASSERT_TRUE(catalog().replace_secrets(made, "again", "hidden"));
  const ProviderRow there = catalog().rows().value().providers.at(0);
  EXPECT_EQ(there.api_key, "again");
  EXPECT_EQ(there.headers, "hidden");
  EXPECT_EQ(there.version, made.version);
}

TEST_P(CatalogTest, KeepsAsManyKeysAndModelsAsAProviderMayHave) {
  ProviderRow wanted = named("main");
  wanted.api_key = std::string(90'000, 'k');
  wanted.models = std::string(40'000, 'm');
  wanted.settings = std::string(40'000, 's');
  wanted.headers = std::string(40'000, 'h');
  const ProviderRow made = catalog().add(wanted).value();
  EXPECT_EQ(made.api_key, wanted.api_key);
  EXPECT_EQ(made.models, wanted.models);
  EXPECT_EQ(made.settings, wanted.settings);
  EXPECT_EQ(made.headers, wanted.headers);
}

TEST_P(CatalogTest, KeepsGroupsWithTheirMembersInOrder) {
  GroupRow wanted;
  wanted.name = "pool";
  wanted.strategy = "random";
  wanted.affinity = "none";
  wanted.members = {{"z", "", 3}, {"a", "other-model", 1}};
  const GroupRow made = catalog().add(wanted).value();
  ASSERT_EQ(made.members.size(), 2U);
  EXPECT_EQ(made.affinity, "none");
  EXPECT_EQ(made.members[0].provider_name, "z");
  EXPECT_EQ(made.members[0].weight, 3);
  EXPECT_EQ(made.members[1].model, "other-model");
  GroupRow change = made;
  change.members = {{"only", "", 1}};
  EXPECT_EQ(catalog().change(change).value().members.size(), 1U);
  EXPECT_EQ(code(catalog().add(wanted)), "conflict");
  EXPECT_EQ(catalog().rows().value().groups.at(0).members.at(0).provider_name, "only");
  EXPECT_EQ(code(catalog().remove_group(made.id, 2)), "done");
  EXPECT_TRUE(catalog().rows().value().groups.empty());
}

TEST_P(CatalogTest, KeepsRules) {
  RuleRow wanted;
  wanted.rule_type = "prefix";
  wanted.pattern = "gpt-'; DROP TABLE routing_rules; --";
  wanted.provider_name = "main";
  wanted.priority = -5;
  const RuleRow made = catalog().add(wanted).value();
  EXPECT_EQ(made.pattern, wanted.pattern);
  EXPECT_EQ(made.priority, -5);
  RuleRow change = made;
  change.enabled = false;
  const std::string before = routing_version(catalog().rows().value());
  EXPECT_FALSE(catalog().change(change).value().enabled);
  EXPECT_NE(routing_version(catalog().rows().value()), before);
  EXPECT_EQ(catalog().rows().value().rules.size(), 1U);
  EXPECT_EQ(code(catalog().remove_rule(made.id, 2)), "done");
  EXPECT_TRUE(catalog().rows().value().rules.empty());
}

TEST_P(CatalogTest, ReplacesRulesAndGroupsAsOneUnlessSomebodyWasFaster) {
  RuleRow rule;
  rule.rule_type = "exact";
  rule.pattern = "a";
  rule.provider_name = "main";
  const RuleRow stays = catalog().add(rule).value();
  rule.pattern = "b";
  const RuleRow goes = catalog().add(rule).value();
  GroupRow group;
  group.name = "pool";
  group.members = {{"main", "", 1}};
  const GroupRow old = catalog().add(group).value();
  const std::string base = routing_version(catalog().rows().value());

  rule.pattern = "c";
  GroupRow changed = old;
  changed.members = {{"main", "", 2}, {"other", "", 1}};
  GroupRow fresh = group;
  fresh.name = "second";
  ASSERT_TRUE(catalog().replace_routing({changed, fresh}, {stays, rule}, base));
  const CatalogRows there = catalog().rows().value();
  EXPECT_NE(routing_version(there), base);
  ASSERT_EQ(there.rules.size(), 2U);
  EXPECT_EQ(there.rules[0], stays) << "what is the same keeps its version";
  EXPECT_EQ(there.rules[1].pattern, "c");
  ASSERT_EQ(there.groups.size(), 2U);
  EXPECT_EQ(there.groups[0].id, old.id);
  EXPECT_EQ(there.groups[0].version, old.version + 1);
  EXPECT_EQ(there.groups[0].members.size(), 2U);
  EXPECT_EQ(there.groups[1].name, "second");

  EXPECT_EQ(code(catalog().replace_routing({}, {}, base)), "conflict");
  EXPECT_EQ(catalog().rows().value().rules.size(), 2U);
  const std::string next = routing_version(there);
  EXPECT_EQ(code(catalog().replace_routing({}, {goes}, next)), "not_found");
  EXPECT_EQ(code(catalog().replace_routing({fresh, fresh}, {}, next)), "conflict");
  EXPECT_EQ(routing_version(catalog().rows().value()), next) << "all or nothing";
  EXPECT_EQ(code(catalog().replace_routing({}, {}, next)), "done");
  EXPECT_TRUE(catalog().rows().value().groups.empty());
}

TEST_P(CatalogTest, TheAuditLogIsReadNewestFirst) {
  Audit& audit = database_->audit();
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(audit.note({.at = i * 1000,
                            .actor = i % 2 == 0 ? "even" : "odd",
                            .address = "10.0.0.1",
                            .action = "PATCH /x/{id}",
                            .subject = std::to_string(i),
                            .before = "{}",
                            .after = R"({"a":"'"})"}));
  }
  const auto all = audit.entries({}).value();
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all[0].subject, "5");
  EXPECT_EQ(all[0].after, R"({"a":"'"})");
  EXPECT_EQ(audit.entries({.actor = "even"}).value().size(), 2U);
  EXPECT_EQ(audit.entries({.subject = "3"}).value().at(0).at, 3000);
  EXPECT_EQ(audit.entries({.from = 2000, .to = 4000}).value().size(), 2U);
  EXPECT_EQ(audit.entries({.action = "PATCH /x/{id}"}).value().size(), 5U);
  EXPECT_TRUE(audit.entries({.action = "DELETE /x/{id}"}).value().empty());
  EXPECT_EQ(
      audit.entries({.actor = "odd", .action = "PATCH /x/{id}", .subject = "5"}).value()[0].at,
      5000);
  const auto page =
      audit.entries({.before_at = all[1].at, .before_id = all[1].id, .limit = 2}).value();
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].subject, "3");
  AuditEntry entry;
  entry.actor = "now";
  ASSERT_TRUE(audit.note(entry));
  EXPECT_GT(audit.entries({.actor = "now"}).value().at(0).at, 1'700'000'000'000);
}

TEST_P(CatalogTest, APageOfTheAuditLogBeginsInsideAMillisecond) {
  Audit& audit = database_->audit();
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(audit.note({.at = 1000,
                            .actor = "a",
                            .address = {},
                            .action = "x",
                            .subject = std::to_string(i),
                            .before = {},
                            .after = {}}));
  }
  std::string seen;
  AuditFilter filter{.limit = 3};
  for (;;) {
    const auto page = audit.entries(filter).value();
    if (page.empty()) break;
    for (const AuditEntry& each : page) seen += each.subject;
    filter.before_at = page.back().at;
    filter.before_id = page.back().id;
  }
  EXPECT_EQ(seen, "6543210");
}

INSTANTIATE_TEST_SUITE_P(All, CatalogTest, testing::all_databases(), testing::database_name);

}  // namespace
}  // namespace sluice::store
