#include "json/writer.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "json/edit.hpp"
#include "json/slices.hpp"

namespace sluice::json {
namespace {

std::string as_json(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

TEST(Writer, PutsCommasWhereTheyBelong) {
  std::string out;
  Writer json(out);
  json.begin_object().member("id", "a").member("n", 3).member("ok", true).null_member("x");
  json.key("list").begin_array().number(uint64_t{1}).string("b").begin_object().end_object();
  json.begin_array().end_array().null().end_array();
  json.raw_member("raw", "{\"k\":1.0}").member("d", 0.5).end_object();
  EXPECT_EQ(
      out,
      R"({"id":"a","n":3,"ok":true,"x":null,"list":[1,"b",{},[],null],"raw":{"k":1.0},"d":0.5})");
  EXPECT_TRUE(valid(out));
}

TEST(Writer, WritesNumbersThatReadBack) {
  std::string out;
  Writer json(out);
  json.begin_array();
  json.number(std::numeric_limits<int64_t>::min()).number(std::numeric_limits<uint64_t>::max());
  json.number(0.1).number(1e300).number(std::numeric_limits<double>::infinity()).end_array();
  EXPECT_EQ(out, "[-9223372036854775808,18446744073709551615,0.1,1e+300,null]");
}

TEST(Writer, EscapesWhatMustNotStandInAString) {
  EXPECT_EQ(as_json("a\"b\\c\n\r\t\b\f"), R"("a\"b\\c\n\r\t\b\f")");
  EXPECT_EQ(as_json(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(as_json("\xE4\xB8\xAD\xF0\x9F\x98\x80"), "\"\xE4\xB8\xAD\xF0\x9F\x98\x80\"");
}

TEST(Writer, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(as_json("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(as_json("\xE4\xB8"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(as_json("\xE4\xB8z"), "\"\xEF\xBF\xBDz\"");
  EXPECT_EQ(as_json("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(as_json("\xC3\xA9\x80"), "\"\xC3\xA9\xEF\xBF\xBD\"");
  std::string all;
  for (int i = 0; i < 256; ++i) {
    for (int j = 0; j < 256; j += 5) all += {static_cast<char>(i), static_cast<char>(j)};
  }
  EXPECT_TRUE(valid(as_json(all)));
}

TEST(Writer, StringsReadBackAsTheyWere) {
  std::string text;
  for (char c = 0; c < 0x7f; ++c) text += std::string(static_cast<size_t>(c % 20), 'x') + c;
  EXPECT_EQ(Value(as_json(text)).as_string(), text);
}

TEST(Edit, LeavesTheRestByteIdentical) {
  const std::array edits = {Edit{1, 2, "XYZ"}, Edit{3, 0, "+"}, Edit{5, 1, ""}};
  EXPECT_EQ(apply_edits("abcdef", edits), "aXYZ+de");
  EXPECT_EQ(apply_edits("abc", {}), "abc");
  const std::array ends = {Edit{0, 0, "<"}, Edit{3, 0, ">"}};
  EXPECT_EQ(apply_edits("abc", ends), "<abc>");
}

}  // namespace
}  // namespace sluice::json
