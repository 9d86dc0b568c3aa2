#include "app/table.hpp"

#include <gtest/gtest.h>

namespace sluice::app {
namespace {

TEST(Table, AlignsColumns) {
  EXPECT_EQ(table({{.title = "USER", .field = "user"},
                   {.title = "USD", .field = "balance", .number = true}},
                  {json::Value(R"({"user":"alice","balance":"12.5"})"),
                   json::Value("{\"user\":\"j\xc3\xbcrgen\",\"balance\":\"0\"}")}),
            "USER     USD\n"
            "alice   12.5\n"
            "j\xc3\xbcrgen     0\n");
}

TEST(Table, SaysThatThereIsNothing) {
  EXPECT_EQ(table({{.title = "A", .field = "a"}}, {}), "nothing\n");
}

TEST(Table, SendsATerminalNothingThatItWouldObey) {
  EXPECT_EQ(table({{.title = "MODEL", .field = "m"}}, {json::Value(R"({"m":"\u001b[2Jx\u007f"})")}),
            "MODEL\n?[2Jx?\n");
}

TEST(Table, ShowsInnerObjectsByTheirValues) {
  const json::Value row(R"({"wallet":{"held":"1"},"members":[{"t":"a","m":"","w":3},{"t":"b"}]})");
  EXPECT_EQ(table({{"HELD", "wallet.held", true},
                   {"MEMBERS", "members"},
                   {"NONE", "a.b"},
                   {"ALL", "wallet"}},
                  {row}),
            "HELD  MEMBERS  NONE  ALL\n"
            "   1  a:3,b          held:1\n");
}

TEST(Table, CutsTextsToTheTerminalAndNoNumbers) {
  const Column columns[] = {{"NAME", "n"}, {"USD", "u", true}};
  const json::Value row(
      "{\"n\":\"\xc3\xbc"
      "bertrieben lang\",\"u\":\"12.123456789\"}");
  EXPECT_EQ(table(columns, {row}, 22),
            "NAME               USD\n"
            "\xc3\xbc"
            "bertri\xe2\x80\xa6  12.123456789\n");
  EXPECT_EQ(table(columns, {row}, 1).find('\n'), 22U) << "what is left of use stays";
}

TEST(Table, LeavesEmptyColumnsOutWhereThereIsNoRoom) {
  const Column columns[] = {{"NAME", "n"}, {"NOTE", "x"}, {"ID", "id"}};
  const json::Value row(R"({"n":"a","x":null,"id":"use_0123456789"})");
  EXPECT_EQ(table(columns, {row}, 20), "NAME  ID\na     use_0123456789\n");
  EXPECT_EQ(table(columns, {row}), "NAME  NOTE  ID\na           use_0123456789\n");
}

TEST(Details, ShowEveryMemberThatSaysSomething) {
  EXPECT_EQ(
      details(json::Value(
          R"({"id":7,"note":null,"wallet":{"held":"0"},"lines":[{"class":"input","n":1},{"class":"output","n":20}]})")),
      "id           7\n"
      "wallet.held  0\n"
      "\nlines\n"
      "CLASS    N\n"
      "input    1\n"
      "output  20\n");
  EXPECT_EQ(details(json::Value("{}")), "nothing\n");
}

TEST(Table, ShowsListsAndNothingForNull) {
  EXPECT_EQ(shown(json::Value(R"(["a","b"])")), "a,b");
  EXPECT_EQ(shown(json::Value("null")), "");
  EXPECT_EQ(shown(json::Value("12.5")), "12.5");
  EXPECT_EQ(shown(json::Value()), "");
}

}  // namespace
}  // namespace sluice::app
