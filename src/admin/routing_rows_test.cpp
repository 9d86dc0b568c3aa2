#include "admin/routing_rows.hpp"

#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

class RoutingDraftTest : public testing::Test {
 protected:
  RoutingDraftTest() {
    store::RuleRow rule;
    rule.id = 7;
    rule.version = 3;
    rule.rule_type = "exact";
    rule.pattern = "a";
    rule.provider_name = "main";
    rule.model = "b";
    there.rules = {rule};
    store::GroupRow group;
    group.id = 2;
    group.name = "pool";
    group.members = {{"main", "", 1}};
    there.groups = {group};
  }
  Result<RoutingDraft> read(std::string_view text) { return read_draft(json::Value(text), there); }
  std::string refused(std::string_view text) {
    const auto draft = read(text);
    return draft ? "taken" : std::string(to_string(draft.error().code));
  }

  EffectiveConfig::Rows there;
};

TEST_F(RoutingDraftTest, LeavesAListThatItDoesNotHave) {
  const auto draft = read(R"({"groups":[]})").value();
  EXPECT_EQ(draft.rules, there.rules);
  EXPECT_TRUE(draft.groups.empty());
}

TEST_F(RoutingDraftTest, WhatHasAnIdStaysItselfAndIsSaidAnew) {
  const auto draft = read(R"({"rules":[{"type":"exact","pattern":"new","target":"main"},
                        {"id":7,"type":"exact","pattern":"a","target":"main"}]})")
                         .value();
  ASSERT_EQ(draft.rules.size(), 2U);
  EXPECT_EQ(draft.rules[0].id, 0);
  EXPECT_EQ(draft.rules[1].id, 7);
  EXPECT_EQ(draft.rules[1].version, 3);
  EXPECT_EQ(draft.rules[1].model, "") << "what is not said is as of a new one";
  EffectiveConfig::Rows rows;
  put_draft(draft, rows);
  EXPECT_NE(rows.rules[0].id, 0);
  EXPECT_EQ(rows.rules[1].id, 7);
}

TEST_F(RoutingDraftTest, TakesBackWhatIsTold) {
  EffectiveConfig::State state;
  std::string told;
  json::Writer json(told);
  json.begin_object().key("rules").begin_array();
  write_row(json, state, there.rules[0]);
  json.end_array().key("groups").begin_array();
  write_row(json, state, there.groups[0]);
  json.end_array().end_object();
  const auto draft = read(told);
  ASSERT_TRUE(draft) << draft.error().message;
  EXPECT_EQ(draft->rules, there.rules);
  EXPECT_EQ(draft->groups, there.groups);
}

TEST_F(RoutingDraftTest, RefusesWhatIsNone) {
  EXPECT_EQ(refused(R"({"rules":{}})"), "invalid_request");
  EXPECT_EQ(refused(R"({"rule":[]})"), "invalid_request");
  EXPECT_EQ(refused(R"([])"), "invalid_request");
  EXPECT_EQ(refused(R"({"rules":[{"type":"exact"}]})"), "invalid_request");
  EXPECT_EQ(refused(R"({"rules":[{"type":"exact","pattern":"a","target":"t","version":1}]})"),
            "invalid_request");
  EXPECT_EQ(refused(R"({"rules":[{"id":8,"type":"exact","pattern":"a","target":"t"}]})"),
            "not_found");
  EXPECT_EQ(refused(R"({"rules":[{"id":7,"type":"exact","pattern":"a","target":"t"},
                                 {"id":7,"type":"exact","pattern":"b","target":"t"}]})"),
            "invalid_request");
}

}  // namespace
}  // namespace sluice::admin
