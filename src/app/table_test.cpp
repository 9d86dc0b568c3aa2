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

TEST(Table, ShowsListsAndNothingForNull) {
  EXPECT_EQ(shown(json::Value(R"(["a","b"])")), "a,b");
  EXPECT_EQ(shown(json::Value("null")), "");
  EXPECT_EQ(shown(json::Value("12.5")), "12.5");
  EXPECT_EQ(shown(json::Value()), "");
}

}  // namespace
}  // namespace sluice::app
