#include "dialect/chat/texts.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "dialect/chat/names.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/signature.hpp"

namespace sluice::dialect::chat {
namespace {

json::String slice(std::string_view bytes) {
  return {.bytes = bytes, .escaped = bytes.contains('\\')};
}

std::string compact(std::string_view json) {
  std::string out;
  append_compact(out, json);
  return out;
}

std::string quoted(std::string_view bytes) {
  std::string out;
  append_text(out, slice(bytes));
  return out;
}

TEST(Texts, CompactingKeepsAllButTheSpaceBetweenTokens) {
  EXPECT_EQ(compact("{ \"a\" : [ 1.0 ,\n 1E+5, 9007199254740993 ] , \"a\" : \" x \\\" y \" }"),
            R"({"a":[1.0,1E+5,9007199254740993],"a":" x \" y "})");
}

TEST(Texts, LoneSurrogatesBecomeReplacementCharacters) {
  EXPECT_EQ(quoted(R"(a\ud83d\ude00b)"), R"("a\ud83d\ude00b")");
  EXPECT_EQ(quoted(R"(a\ud83db)"), R"("a\ufffdb")");
  EXPECT_EQ(quoted(R"(\ude00\uD83D)"), R"("\ufffd\ufffd")");
  EXPECT_EQ(quoted(R"(\\ud83d)"), R"("\\ud83d")");
  EXPECT_EQ(compact(R"({"k":"\ud83d\u0041"})"), R"({"k":"\ufffd\u0041"})");
}

TEST(Texts, BlankIsJudgedByWhatTheTextMeans) {
  EXPECT_TRUE(is_blank(slice("")));
  EXPECT_TRUE(is_blank(slice(R"( \n\t\r )")));
  EXPECT_FALSE(is_blank(slice(R"( \\n)")));
  EXPECT_EQ(trim_end(slice(R"(a \n \t)")).bytes, "a");
  EXPECT_EQ(trim_end(slice(R"(a\\n)")).bytes, R"(a\\n)");
  EXPECT_EQ(trim_end(slice(R"(a\\\n)")).bytes, R"(a\\)");
  EXPECT_EQ(trim_end(slice(R"(\n)")).bytes, "");
}

TEST(Texts, AnArenaKeepsItsTextsWhenItMoves) {
  Arena arena;
  const json::String small = arena.text("a\"b");
  for (int i = 0; i < 1000; ++i) arena.text("filler");
  const Arena moved = std::move(arena);
  EXPECT_EQ(small.bytes, R"(a\"b)");
}

TEST(Texts, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(mend_utf8("{\"a\":\"x\xffy\xc3\xa9\"}"), "{\"a\":\"x\xef\xbf\xbdy\xc3\xa9\"}");
}

TEST(Names, PlainOnesPassAndOthersStayApart) {
  EXPECT_EQ(clean_name("get_weather-2", 64), "get_weather-2");
  EXPECT_NE(clean_name("a.b", 64), clean_name("a:b", 64));
  EXPECT_EQ(clean_name("a.b", 64), clean_name("a.b", 64));
  const std::string longest(64, 'x');
  EXPECT_EQ(clean_name(longest, 64), longest);
  EXPECT_EQ(clean_name(longest + 'x', 64).size(), 64U);
  EXPECT_NE(clean_name(longest + 'x', 64), clean_name(longest + 'y', 64));
}

TEST(Names, TheClientGetsItsOwnBack) {
  Arena arena;
  NameMap map;
  const json::String cleaned = map.clean(slice(R"(my.\u0074ool)"), 64, arena);
  EXPECT_TRUE(is_plain_name(cleaned.bytes, 64));
  EXPECT_EQ(map.restore(cleaned).str(), "my.tool");
  EXPECT_EQ(map.restore(slice("other")).bytes, "other");
}

TEST(Signature, OpensOnlyForWhoMintedIt) {
  const std::string signature = mint_signature("kimi", "token\n\x01", "key");
  EXPECT_TRUE(is_gateway_signature(signature));
  EXPECT_EQ(open_signature(signature, "kimi", "key"), "token\n\x01");
  EXPECT_EQ(open_signature(signature, "kim", "key"), std::nullopt);
  EXPECT_EQ(open_signature(signature, "other", "key"), std::nullopt);
  EXPECT_EQ(open_signature(signature, "kimi", "other key"), std::nullopt);
  EXPECT_EQ(open_signature(mint_signature("kimi", "", "key"), "kimi", "key"), "");
}

TEST(Signature, WhatWasChangedDoesNotOpen) {
  const std::string signature = mint_signature("kimi", "token", "key");
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(open_signature(changed, "kimi", "key"), std::nullopt) << i;
    EXPECT_EQ(open_signature(std::string_view(signature).substr(0, i), "kimi", "key"),
              std::nullopt);
  }
  EXPECT_EQ(open_signature(mint_signature("kimi", "x", ""), "kimi", ""), std::nullopt);
}

TEST(Media, TheFirstBytesTellTheType) {
  EXPECT_EQ(sniff_media_type("/9j/4AAQSkZJRg"), "image/jpeg");
  EXPECT_EQ(sniff_media_type("R0lGODlhAQAB"), "image/gif");
  EXPECT_EQ(sniff_media_type("UklGRiQAAABXRUJQVlA4"), "image/webp");
  EXPECT_EQ(sniff_media_type("UklGRiQAAABXQVZFZm10"), "");  // a sound
  EXPECT_EQ(sniff_media_type("JVBERi0xLjQ="), "application/pdf");
  EXPECT_EQ(sniff_media_type(""), "");
}

TEST(Media, Base64EndsWithItsPadding) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("a"), "YQ==");
  EXPECT_EQ(encode_base64("ab"), "YWI=");
  EXPECT_EQ(encode_base64("abc"), "YWJj");
  EXPECT_EQ(encode_base64({"\0\xff\xfe", 3}), "AP/+");
}

TEST(Media, DataUrlsAreReadWithTheirParameters) {
  const DataUrl url = parse_data_url("DATA:Image/PNG;name=a;base64,iVBO\n Rw==");
  EXPECT_EQ(url.media_type, "image/png");
  EXPECT_EQ(url.data, "iVBORw==");
  EXPECT_EQ(parse_data_url("data:text/plain,hello").data, "");
  EXPECT_EQ(parse_data_url("https://x").data, "");
}

}  // namespace
}  // namespace sluice::dialect::chat
