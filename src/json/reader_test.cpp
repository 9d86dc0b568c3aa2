#include "json/reader.hpp"

#include <gtest/gtest.h>

namespace sluice::json {
namespace {

TEST(Reader, AcceptsEveryKindOfValue) {
  for (const std::string_view text : {"null",
                                      "true",
                                      "false",
                                      "0",
                                      "-0",
                                      "12",
                                      "-1.5",
                                      "1e9",
                                      "1E+9",
                                      "2.5e-3",
                                      "\"\"",
                                      "\"a\"",
                                      "[]",
                                      "{}",
                                      "[1,2,[3]]",
                                      R"({"a":{"b":[null]},"c":"d"})",
                                      " \t\r\n{ \"a\" : [ ] } \n",
                                      "123456789012345678901234567890",
                                      "1e999",
                                      R"("\"\\\/\b\f\n\r\t\u00e9")"}) {
    EXPECT_TRUE(valid(text)) << text;
  }
}

TEST(Reader, RefusesWhatTheGrammarDoesNotAllow) {
  for (const std::string_view text :
       {"",         " ",        "nul",        "nulll",    "True",        "01",        "-",
        "+1",       "1.",       ".5",         "1e",       "1e+",         "-01",       "0x10",
        "NaN",      "\"",       "\"a",        "'a'",      "[",           "[1",        "[1,",
        "[1,]",     "[,1]",     "[1,,2]",     "[1 2]",    "{",           "{a:1}",     "{1:2}",
        "{\"a\"}",  "{\"a\":}", "{\"a\":1,}", "{\"a\":1", "]",           "[}",        "{]",
        "1 2",      "{}{}",     "[]x",        "\"\\x\"",  "\"\\u12g4\"", "\"\\u12\"", "\"\\",
        "\"a\nb\"", "// c\n1",  "\"\\\""}) {
    EXPECT_FALSE(valid(text)) << text;
  }
  EXPECT_FALSE(valid(std::string_view("\"a\0b\"", 5)));
  EXPECT_FALSE(valid(std::string_view("1\0", 2)));
}

TEST(Reader, RefusesBrokenUtf8) {
  EXPECT_TRUE(valid("\"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\""));
  EXPECT_FALSE(valid("\"\xC3\""));
  EXPECT_FALSE(valid("\"\xC0\xAF\""));
  EXPECT_FALSE(valid("\"\xED\xA0\x80\""));
}

TEST(Reader, BoundsTheDepth) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(valid(nested(kMaxDepth)));
  EXPECT_FALSE(valid(nested(kMaxDepth + 1)));
  EXPECT_FALSE(valid(std::string(1'000'000, '[')));
}

TEST(Reader, ReadsLongStringsToTheirEnd) {
  for (size_t length = 0; length < 80; ++length) {
    const std::string plain(length, 'x');
    const std::string text = "\"" + plain + "\"";
    Reader strings(text);
    EXPECT_EQ(strings.string().bytes, plain);
    EXPECT_TRUE(strings.finish());
    EXPECT_FALSE(valid(text.substr(0, text.size() - 1)));
    EXPECT_TRUE(valid("\"" + plain + "\\n" + plain + "\""));
  }
}

TEST(Reader, HandsOutValuesAsTheyStand) {
  Reader reader(R"({"a": {"b" : 1.0} , "c":[ 1,2 ],"d":-1e5})");
  String key;
  ASSERT_TRUE(reader.begin_object());
  ASSERT_TRUE(reader.next_member(key));
  EXPECT_EQ(reader.skip(), R"({"b" : 1.0})");
  ASSERT_TRUE(reader.next_member(key));
  EXPECT_TRUE(key == "c");
  EXPECT_EQ(reader.peek(), Kind::kArray);
  EXPECT_EQ(reader.skip(), "[ 1,2 ]");
  ASSERT_TRUE(reader.next_member(key));
  EXPECT_EQ(reader.skip(), "-1e5");
  EXPECT_FALSE(reader.next_member(key));
  EXPECT_TRUE(reader.finish());
}

TEST(Reader, StaysFailed) {
  Reader reader(R"({"a":x,"b":1})");
  String key;
  ASSERT_TRUE(reader.begin_object());
  ASSERT_TRUE(reader.next_member(key));
  EXPECT_EQ(reader.skip(), "");
  EXPECT_TRUE(reader.failed());
  EXPECT_FALSE(reader.next_member(key));
  EXPECT_EQ(reader.peek(), Kind::kInvalid);
  EXPECT_FALSE(reader.finish());
}

TEST(Reader, FailsWhenAnotherKindIsAskedFor) {
  EXPECT_FALSE(Reader("[]").begin_object());
  EXPECT_FALSE(Reader("{}").begin_array());
  Reader number("1");
  EXPECT_EQ(number.string().bytes, "");
  EXPECT_TRUE(number.failed());
}

TEST(Reader, IsNotFinishedBeforeAValueOrInsideOne) {
  EXPECT_FALSE(Reader("1").finish());
  EXPECT_FALSE(Reader(" ").finish());
  Reader open("[]");
  ASSERT_TRUE(open.begin_array());
  EXPECT_FALSE(open.finish());
  EXPECT_FALSE(open.next_element());
  EXPECT_TRUE(open.finish());
}

String read(std::string_view text) { return Reader(text).string(); }

TEST(JsonString, ComparesWhatItMeans) {
  EXPECT_TRUE(read(R"("model")") == "model");
  EXPECT_TRUE(read(R"("mod\u0065l")") == "model");
  EXPECT_TRUE(read(R"("\u006dodel")") == "model");
  EXPECT_FALSE(read(R"("mod\u0065")") == "model");
  EXPECT_FALSE(read(R"("mod\u0065lx")") == "model");
  EXPECT_TRUE(read(R"("a\/\n\"")") == "a/\n\"");
}

TEST(JsonString, DecodesEscapes) {
  EXPECT_EQ(read(R"("\u00e9\u4e2d")").str(), "\xC3\xA9\xE4\xB8\xAD");
  EXPECT_EQ(read(R"("\ud83d\ude00!")").str(), "\xF0\x9F\x98\x80!");
  EXPECT_EQ(read(R"("a\b\f\r\t\\")").str(), "a\b\f\r\t\\");
  EXPECT_EQ(read(R"("\u0000")").str(), std::string(1, '\0'));
}

TEST(JsonString, TurnsLoneSurrogatesIntoReplacementCharacters) {
  EXPECT_EQ(read(R"("\ud83d")").str(), "\xEF\xBF\xBD");
  EXPECT_EQ(read(R"("\ude00x")").str(), "\xEF\xBF\xBDx");
  EXPECT_EQ(read(R"("\ud83d\ud83d\ude00")").str(), "\xEF\xBF\xBD\xF0\x9F\x98\x80");
  EXPECT_EQ(read(R"("\ud83dabcdef")").str(),
            "\xEF\xBF\xBD"
            "abcdef");
}

}  // namespace
}  // namespace sluice::json
