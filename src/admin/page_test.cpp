#include "admin/page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

using testing::Contains;
using testing::Field;

constexpr admin::Route kList{.method = "GET",
                             .pattern = "/api/things",
                             .handle = nullptr,
                             .summary = "",
                             .short_list = true};
constexpr std::string_view kWhole =
    R"({"group_by":"day","data":[{"a":"]"},{"b":[2]},3],"total":{"n":3},"next_cursor":null})";

/// The list, with what the query asks of it; the field at fault where it cannot.
std::string page(std::string_view asked) {
  const auto query = Query::parse(asked, query_of(kList)).value();
  Answer answer{.status = 200, .body = std::string(kWhole)};
  const Status kept = keep_page(query, answer);
  return kept ? answer.body : kept.error().param;
}

TEST(ShortLists, TakeTheParametersOfAPage) {
  EXPECT_THAT(query_of(kList), Contains(Field(&admin::Field::name, "limit")));
  EXPECT_THAT(query_of(kList), Contains(Field(&admin::Field::name, "cursor")));
  Route other = kList;
  other.short_list = false;
  EXPECT_TRUE(query_of(other).empty());
}

TEST(ShortLists, StayWholeUnlessAPageIsAskedFor) { EXPECT_EQ(page(""), kWhole); }

TEST(ShortLists, ArePagedWithWhatStandsBesideThem) {
  EXPECT_EQ(page("limit=2"),
            R"({"group_by":"day","data":[{"a":"]"},{"b":[2]}],"total":{"n":3},"next_cursor":"2"})");
  EXPECT_EQ(page("limit=2&cursor=2"),
            R"({"group_by":"day","data":[3],"total":{"n":3},"next_cursor":null})");
  EXPECT_EQ(page("limit=3"), kWhole);
  EXPECT_EQ(page("cursor=9"), R"({"group_by":"day","data":[],"total":{"n":3},"next_cursor":null})");
}

TEST(Query, RefusesWhatCannotBeReadInsteadOfLeavingItOut) {
  for (const char* asked : {"limit=%", "limit=%00", "li%mit=5", "=5", "limit=5&cursor=%zz"}) {
    EXPECT_FALSE(Query::parse(asked, query_of(kList)).has_value()) << asked;
  }
  for (const char* asked : {"", "&", "limit=5&", "&&limit=%35"}) {
    EXPECT_TRUE(Query::parse(asked, query_of(kList)).has_value()) << asked;
  }
}

TEST(ShortLists, RefuseWhatNoPageHas) {
  for (const char* asked : {"limit=0", "limit=1001", "limit=-1", "limit=x"}) {
    EXPECT_EQ(page(asked), "limit") << asked;
  }
  for (const char* asked : {"cursor=-1", "cursor=x", "cursor=99999999999999999999"}) {
    EXPECT_EQ(page(asked), "cursor") << asked;
  }
}

}  // namespace
}  // namespace sluice::admin
