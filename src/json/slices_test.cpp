#include "json/slices.hpp"

#include <gtest/gtest.h>

namespace sluice::json {
namespace {

TEST(Members, TellsWhereEveryValueStands) {
  const std::string_view text = R"( {"mod\u0065l" : "gpt-4o","n":1, "deep":{"a":[1]} })";
  Members members(text);
  Member member;
  ASSERT_TRUE(members.next(member));
  EXPECT_TRUE(member.key == "model");
  EXPECT_EQ(member.value.raw(), "\"gpt-4o\"");
  EXPECT_EQ(text.substr(member.value_offset, member.value.raw().size()), member.value.raw());
  ASSERT_TRUE(members.next(member));
  EXPECT_EQ(member.value.as_int(), 1);
  ASSERT_TRUE(members.next(member));
  EXPECT_EQ(text.substr(member.value_offset, 9), R"({"a":[1]})");
  EXPECT_FALSE(members.next(member));
  EXPECT_TRUE(members.complete());
}

TEST(Members, ReportsDuplicatesToTheReader) {
  Members members(R"({"a":1,"a":2})");
  Member member;
  int count = 0;
  while (members.next(member)) ++count;
  EXPECT_EQ(count, 2);
  EXPECT_EQ(Value(R"({"a":1,"a":2})")["a"].as_int(), 2);
}

TEST(Members, StopsWhereTheTextIsNotValid) {
  for (const std::string_view text : {"", "[]", "{\"a\":1", "{\"a\":1}x", "{\"a\":[1,]}", "null"}) {
    Members members(text);
    Member member;
    while (members.next(member)) {
    }
    EXPECT_FALSE(members.complete()) << text;
  }
}

TEST(Elements, WalksAnArray) {
  Elements elements(std::string_view(R"([1, "b", {"c":null}])"));
  Value value;
  std::string seen;
  while (elements.next(value)) seen += std::string(value.raw()) + "|";
  EXPECT_EQ(seen, R"(1|"b"|{"c":null}|)");
  EXPECT_TRUE(elements.complete());
}

TEST(Value, ReadsNumbersOnlyAsTheyAreWritten) {
  EXPECT_EQ(Value("42").as_int(), 42);
  EXPECT_EQ(Value("-9223372036854775808").as_int(), INT64_MIN);
  EXPECT_EQ(Value("9223372036854775808").as_int(), std::nullopt);
  EXPECT_EQ(Value("1.0").as_int(), std::nullopt);
  EXPECT_EQ(Value("1e3").as_int(), std::nullopt);
  EXPECT_EQ(Value("\"1\"").as_int(), std::nullopt);
  EXPECT_EQ(Value("2.5e2").as_double(), 250.0);
  EXPECT_EQ(Value("7").as_double(), 7.0);
  EXPECT_EQ(Value("null").as_double(), std::nullopt);
}

TEST(Value, KnowsItsKind) {
  EXPECT_EQ(Value("true").as_bool(), true);
  EXPECT_EQ(Value("false").as_bool(), false);
  EXPECT_EQ(Value("0").as_bool(), std::nullopt);
  EXPECT_EQ(Value(R"("a\n")").as_string(), "a\n");
  EXPECT_EQ(Value("[]").as_string(), std::nullopt);
  EXPECT_TRUE(Value("null").is_null());
  EXPECT_FALSE(Value().exists());
  EXPECT_FALSE(Value().is_null());
  EXPECT_EQ(Value("{}")["a"].raw(), "");
  EXPECT_EQ(Value("[1]")["a"].raw(), "");
}

TEST(Value, KnowsWhetherItHoldsAnything) {
  for (const std::string_view text : {"\"\"", "[]", "{}", "[ \n]"}) {
    EXPECT_TRUE(Value(text).is_empty()) << text;
  }
  for (const std::string_view text : {"\" \"", "[1]", "{\"a\":1}", "1", "null", "10"}) {
    EXPECT_FALSE(Value(text).is_empty()) << text;
  }
}

TEST(Value, IndexesNestedObjects) {
  const Value value(R"({"a":{"b":{"c":"deep"}}})");
  EXPECT_EQ(value["a"]["b"]["c"].as_string(), "deep");
  EXPECT_FALSE(value["a"]["x"]["c"].exists());
}

}  // namespace
}  // namespace sluice::json
