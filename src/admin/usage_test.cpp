#include <gmock/gmock.h>

#include "admin/service.hpp"
#include "admin/test_database.hpp"
#include "json/slices.hpp"

namespace sluice::admin {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class UsageTest : public testing::Test {
 protected:
  UsageTest() {
    const auto alice = database.ensure_wallet("alice");
    for (int i = 5; i >= 1; --i) {
      store::Settlement row;
      row.id = "u" + std::to_string(i);
      row.user_id = alice->user_id;
      row.key_name = "demo";
      row.requested_model = "gpt-4o";
      row.charged = {.input = 10, .cache_read = 2, .output = 7};
      row.cost = Money{1'250'000};
      row.outcome = "finished";
      row.duration_us = 1'234'567;
      row.started_at = 1'790'000'000'123;
      row.decision = R"({"rule":"gpt-*"})";
      database.rows.push_back(row);
    }
  }
  Result<Answer> get(std::string target) {
    return service.handle({.method = "GET",
                           .target = "/api/admin/" + std::move(target),
                           .body = {},
                           .who = Principal::token("t")});
  }

  TestDatabase database;
  Service service{database};
};

TEST_F(UsageTest, ListsRowsNewestFirstInPages) {
  const std::string first = get("usage?limit=2")->body;
  EXPECT_TRUE(json::valid(first));
  EXPECT_THAT(first, AllOf(HasSubstr(R"("id":"u5")"), HasSubstr(R"("id":"u4")"),
                           HasSubstr(R"("next_cursor":"u4")"), Not(HasSubstr("\"u3\""))));
  EXPECT_THAT(first,
              AllOf(HasSubstr(R"("at":"2026-09-21T14:13:20.123Z")"), HasSubstr(R"("user":"alice")"),
                    HasSubstr(R"("cost":"0.00125")"), HasSubstr(R"("ttft_ms":null)"),
                    HasSubstr(R"("duration_ms":1234.567)"),
                    HasSubstr(R"("reported_output_tokens":null)"), Not(HasSubstr("decision"))));
  EXPECT_THAT(get("usage?limit=3&cursor=u4")->body,
              AllOf(HasSubstr(R"("id":"u1")"), HasSubstr(R"("next_cursor":null)")));
}

TEST_F(UsageTest, TellsOfAnotherPageBehindTheLargest) {
  database.rows.resize(1, database.rows.front());
  for (int i = 0; i < 1200; ++i) {
    database.rows.push_back(database.rows.front());
    database.rows.back().id = "row" + std::to_string(i);
  }
  EXPECT_EQ(json::Value(get("usage?limit=1000")->body)["next_cursor"].as_string(), "row998");
}

TEST_F(UsageTest, AsksForWhatTheQueryNames) {
  ASSERT_TRUE(get("usage?key=demo&user=alice&model=gpt-4o&provider=oa&from=2026-01-02&"
                  "to=2026-01-03T00:00:00Z")
                  .has_value());
  EXPECT_EQ(database.asked.key_name, "demo");
  EXPECT_EQ(database.asked.user, "alice");
  EXPECT_EQ(database.asked.model, "gpt-4o");
  EXPECT_EQ(database.asked.provider, "oa");
  EXPECT_EQ(database.asked.from, 1'767'312'000'000);
  EXPECT_EQ(database.asked.to, 1'767'398'400'000);
}

TEST_F(UsageTest, RefusesWhatItDoesNotKnow) {
  for (const auto& [query, field] : std::initializer_list<std::pair<const char*, const char*>>{
           {"usage?kee=x", "kee"},
           {"usage?key=a&key=b", "key"},
           {"usage?from=yesterday", "from"},
           {"usage?from=2026-01-03&to=2026-01-02", "from"},
           {"usage?limit=5000", "limit"},
           {"usage/summary?group_by=hour", "group_by"},
           {"usage/summary?group_by=day&limit=0", "limit"}}) {
    const auto answer = get(query);
    ASSERT_FALSE(answer.has_value()) << query;
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidRequest) << query;
    EXPECT_EQ(answer.error().param, field) << query;
  }
}

TEST_F(UsageTest, TellsTheStoryOfOneRequest) {
  EXPECT_THAT(get("usage/u3")->body,
              AllOf(HasSubstr(R"("id":"u3")"), HasSubstr(R"("decision":{"rule":"gpt-*"})")));
  EXPECT_EQ(get("usage/u9").error().code, ErrorCode::kNotFound);
  // What is no JSON is not passed on as if it were.
  database.rows[0].decision = "{broken";
  EXPECT_THAT(get("usage/u5")->body, HasSubstr(R"("decision":null)"));
}

TEST_F(UsageTest, AddsUp) {
  database.sums = {{.groups = {"2026-01-02"},
                    .requests = 2,
                    .tokens = {.input = 5, .output = 6},
                    .cost = Money{1'500'000'000}},
                   {.groups = {"2026-01-01"},
                    .requests = 1,
                    .tokens = {.input = 1, .output = 2},
                    .cost = Money{500'000'000}}};
  const std::string body = get("usage/summary?group_by=day&user=alice")->body;
  EXPECT_THAT(database.asked_by, testing::ElementsAre(store::Database::UsageBy::kDay));
  EXPECT_EQ(database.asked.user, "alice");
  EXPECT_TRUE(json::valid(body));
  EXPECT_THAT(body,
              HasSubstr(R"({"group":"2026-01-02","requests":2,"failed":0,"input_tokens":5,)"));
  const json::Value total = json::Value(body)["total"];
  EXPECT_EQ(total["requests"].as_int(), 3);
  EXPECT_EQ(total["output_tokens"].as_int(), 8);
  EXPECT_EQ(total["cost"].as_string(), "2");
}

}  // namespace
}  // namespace sluice::admin
