#include "admin/csv.hpp"

#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

TEST(Csv, QuotesWhatNeedsIt) {
  const json::Value row(R"({"id":"u1","model":"a \"b\", c","n":-5,"x":null})");
  EXPECT_EQ(csv_header(row), "id,model,n,x\r\n");
  EXPECT_EQ(csv_line(row), "u1,\"a \"\"b\"\", c\",-5,\r\n");
}

TEST(Csv, DisarmsFormulasAndLeavesNumbers) {
  const json::Value row(R"-({"a":"=cmd()","b":"-2.5","c":"-x","d":"@y","e":"+1"})-");
  EXPECT_EQ(csv_line(row), "'=cmd(),-2.5,'-x,'@y,'+1\r\n");
  // Wide forms of = and +, and another wide letter.
  const json::Value wide(R"-({"a":"\uff1d1","b":"\uff0b1","c":"\uff21"})-");
  EXPECT_EQ(csv_line(wide), "'\uff1d1,'\uff0b1,\uff21\r\n");
}

}  // namespace
}  // namespace sluice::admin
