// Bodies made to cost more than they should, and what the caller does between reading and writing.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "dialect/anthropic/messages_request.hpp"
#include "dialect/chat/reading.hpp"
#include "dialect/chat/schema.hpp"
#include "dialect/openai/chat_request.hpp"

namespace sluice::dialect::chat {
namespace {

std::string repeated(std::string_view begin, std::string_view piece, size_t count,
                     std::string_view end) {
  std::string text(begin);
  for (size_t i = 0; i < count; ++i) {
    if (i != 0) text += ',';
    text += piece;
  }
  return text += end;
}

std::string param_of(const Result<Request>& request) {
  EXPECT_FALSE(request);
  if (request) return {};
  EXPECT_EQ(request.error().code, ErrorCode::kInvalidRequest);
  return request.error().param;
}

TEST(Limits, TooManyOfAnythingAreRefused) {
  constexpr std::string_view kMessage = R"({"role":"user","content":"a"})";
  EXPECT_EQ(param_of(openai::parse_chat_request(
                repeated(R"({"messages":[)", kMessage, kMaxMessages + 1, "]}"))),
            "messages");
  EXPECT_EQ(param_of(anthropic::parse_messages_request(
                repeated(R"({"messages":[)", kMessage, kMaxMessages + 1, "]}"))),
            "messages");
  EXPECT_TRUE(param_of(openai::parse_chat_request(
                           repeated(R"({"messages":[{"role":"user","content":[)",
                                    R"({"type":"text","text":""})", kMaxBlocks + 1, "]}]}")))
                  .starts_with("messages[0].content["));
  EXPECT_EQ(
      param_of(openai::parse_chat_request(repeated(
          R"({"tools":[)", R"({"type":"function","function":{"name":"f"}})", kMaxTools + 1, "]}"))),
      "tools");
  EXPECT_EQ(param_of(anthropic::parse_messages_request(
                repeated(R"({"tools":[)", R"({"name":"f"})", kMaxTools + 1, "]}"))),
            "tools");
  std::string body = R"({"messages":[{"role":"user","content":"a"}])";
  for (size_t i = 0; i <= kMaxExtras; ++i) body += ",\"x" + std::to_string(i) + "\":1";
  EXPECT_EQ(param_of(openai::parse_chat_request(body + "}")), "");
}

TEST(Limits, BlocksNestOnlySoDeep) {
  std::string body = R"({"messages":[{"role":"user","content":[)";
  constexpr size_t kDeep = kMaxBlockDepth + 1;
  for (size_t i = 0; i < kDeep; ++i) {
    body += R"({"type":"tool_result","tool_use_id":"t","content":[)";
  }
  for (size_t i = 0; i < kDeep; ++i) body += "]}";
  body += "]}]}";
  EXPECT_TRUE(param_of(anthropic::parse_messages_request(body)).contains("content"));
}

TEST(Limits, NamesOfLostFieldsMayStandInAHeader) {
  std::vector<std::string> dropped;
  note(dropped, "a\r\nx-evil: \"1\"");
  note(dropped, std::string(1000, 'y'));
  EXPECT_EQ(dropped[0], "a__x-evil___1_");
  EXPECT_LE(dropped[1].size(), 64U);
  for (int i = 0; i < 1000; ++i) note(dropped, std::to_string(i));
  EXPECT_EQ(dropped.size(), kMaxDropped);
}

TEST(Limits, ASchemaThatLeadsToItselfOrNowhereIsNotFollowed) {
  const auto strict = [](std::string_view schema) {
    return strict_schema(json::Value(schema), {}).has_value();
  };
  EXPECT_TRUE(strict(R"({"$ref":"#/$defs/a","$defs":{"a":{"type":"string"}}})"));
  EXPECT_FALSE(strict(R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}})"));
  EXPECT_FALSE(strict(R"({"$ref":"#"})"));
  EXPECT_FALSE(strict(R"({"$ref":"https://example.com/schema"})"));
  EXPECT_FALSE(strict(R"({"type":"object","properties":{"a":{}}})"));
  EXPECT_FALSE(strict(R"({"type":["object","object"]})"));
  std::string chain = R"({"$ref":"#/$defs/0","$defs":{)";
  for (int i = 0; i < 2000; ++i) {
    chain += '"' + std::to_string(i) + R"(":{"$ref":"#/$defs/)" + std::to_string(i + 1) + "\"},";
  }
  EXPECT_FALSE(strict(chain + R"("2000":{"type":"string"}}})"));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += R"({"type":"array","items":)";
  deep += R"({"type":"string"})" + std::string(100, '}');
  EXPECT_FALSE(strict(deep));
}

TEST(Limits, WhatTheModelDoesNotFetchIsFetchedBefore) {
  const std::string body =
      R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y"}},)"
      R"({"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]})";
  Capabilities model = capabilities_of(config::ProviderType::kAnthropic, "claude-haiku-4-5");
  const Target target{.model = "m", .provider = "p", .capabilities = model};
  model.image_url_fetch = false;
  auto request = openai::parse_chat_request(body);
  ASSERT_TRUE(request);
  const auto sources = remote_sources(*request, model);
  ASSERT_EQ(sources.size(), 1U);
  EXPECT_EQ(sources[0].source->data.str(), "https://x/y");
  EXPECT_EQ(sources[0].param, "messages[0].content[0]");
  *sources[0].source = {.kind = Source::Kind::kBase64,
                        .media_type = literal("image/png"),
                        .data = request->arena.text("AAAA")};
  const auto written = anthropic::write_messages_request(*request, target);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_TRUE(written->body.contains(R"("data":"AAAA")")) << written->body;
}

TEST(Limits, WhatIsFetchedIsNamedByItsPlace) {
  const std::string image = R"({"type":"image","source":{"type":"url","url":"https://x/y"}})";
  const std::string body =
      R"({"max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[)"
      R"({"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[)"
      R"({"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"a"},)" +
      image + "]}," + image + "]}]}";
  Capabilities model = capabilities_of(config::ProviderType::kOpenAi, "gpt-4o");
  model.image_url_fetch = false;
  auto request = anthropic::parse_messages_request(body);
  ASSERT_TRUE(request) << request.error().message;
  const auto sources = remote_sources(*request, model);
  ASSERT_EQ(sources.size(), 2U);
  EXPECT_EQ(sources[0].param, "messages[2].content[0].content[1]");
  EXPECT_EQ(sources[1].param, "messages[2].content[1]");
}

TEST(Limits, ImagesAreNotTakenInAnySize) {
  const auto written = [](size_t bytes, size_t count) {
    const std::string image = R"({"type":"image_url","image_url":{"url":"data:image/png;base64,)" +
                              std::string(bytes, 'A') + "\"}}";
    const std::string body =
        repeated(R"({"messages":[{"role":"user","content":[)", image, count, "]}]}");
    auto request = openai::parse_chat_request(body);
    EXPECT_TRUE(request);
    const Capabilities model =
        capabilities_of(config::ProviderType::kAnthropic, "claude-haiku-4-5");
    return anthropic::write_messages_request(*request,
                                             {.model = "m", .provider = "p", .capabilities = model})
        .has_value();
  };
  EXPECT_TRUE(written(size_t{10} << 20, 1));
  EXPECT_FALSE(written((size_t{10} << 20) + 1, 1));
  EXPECT_TRUE(written(8, 600));
  EXPECT_FALSE(written(8, 601));
}

TEST(Limits, AnotherModelIsAskedWithoutTheThinkingOfTheFirst) {
  const std::string body =
      R"({"max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[)"
      R"({"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"b"}]},)"
      R"({"role":"user","content":"c"}]})";
  auto request = anthropic::parse_messages_request(body);
  ASSERT_TRUE(request);
  forget_thinking(*request);
  const Capabilities model = capabilities_of(config::ProviderType::kAnthropic, "claude-haiku-4-5");
  const auto written = anthropic::write_messages_request(
      *request, {.model = "m", .provider = "p", .capabilities = model});
  ASSERT_TRUE(written);
  EXPECT_FALSE(written->body.contains("thinking")) << written->body;
}

}  // namespace
}  // namespace sluice::dialect::chat
