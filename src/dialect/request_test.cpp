#include "dialect/request.hpp"

#include <gtest/gtest.h>

#include "json/slices.hpp"

namespace sluice::dialect {
namespace {

using enum Endpoint;

Result<InferenceRequest> chat(std::string body) {
  return understand(kChatCompletions, std::move(body));
}

std::string sent(const InferenceRequest& request, const UpstreamTerms& terms) {
  std::string storage;
  return std::string(upstream_body(request, terms, storage));
}

/// What a chat request with these members besides `messages` becomes upstream.
std::string chat_sent(std::string_view members, std::string_view model = "m") {
  const auto request =
      chat(fmt::format(R"({{"messages":[{{"role":"user","content":"x"}}],{}}})", members));
  if (!request) return "refused: " + request.error().message;
  const std::string body = sent(*request, {.model = model});
  EXPECT_TRUE(json::valid(body)) << body;
  return body.substr(body.find("],") + 2);
}

TEST(Request, ReadsWhatARelayMustKnow) {
  const auto request = chat(
      R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true,"n":3,)"
      R"("max_tokens":100,"max_completion_tokens":50,"stream_options":{"include_usage":true}})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->model, "gpt-4o");
  EXPECT_TRUE(request->stream);
  EXPECT_TRUE(request->include_usage);
  EXPECT_FALSE(request->adds_usage());
  EXPECT_EQ(request->max_tokens, 100);
  EXPECT_EQ(request->n, 3);
}

TEST(Request, TakesNullForAbsent) {
  const auto request =
      chat(R"({"model":"m","messages":[1],"stream":null,"n":null,"max_tokens":null,)"
           R"("max_completion_tokens":null,"stream_options":null})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_FALSE(request->stream);
  EXPECT_EQ(request->max_tokens, std::nullopt);
  EXPECT_EQ(request->n, 1);
}

TEST(Request, NamesTheFieldAtFault) {
  struct Case {
    Endpoint endpoint;
    std::string_view body;
    std::string_view param;
  };
  const std::string long_name(kMaxModelBytes + 1, 'x');
  const std::string long_model = R"({"messages":[1],"model":")" + long_name + "\"}";
  const Case cases[] = {
      {kChatCompletions, "", ""},
      {kChatCompletions, "[]", ""},
      {kChatCompletions, "null", ""},
      {kChatCompletions, R"({"model":"m","messages":[1])", ""},
      {kChatCompletions, R"({"model":"m","messages":[1]} x)", ""},
      {kChatCompletions, "{\"model\":\"m\xFF\",\"messages\":[1]}", ""},
      {kChatCompletions, R"({"messages":[1]})", "model"},
      {kChatCompletions, R"({"messages":[1],"model":null})", "model"},
      {kChatCompletions, R"({"messages":[1],"model":5})", "model"},
      {kChatCompletions, R"({"messages":[1],"model":""})", "model"},
      {kChatCompletions, R"({"messages":[1],"model":"a\r\nx-evil: 1"})", "model"},
      {kChatCompletions, long_model, "model"},
      {kChatCompletions, R"({"model":"m"})", "messages"},
      {kChatCompletions, R"({"model":"m","messages":[]})", "messages"},
      {kChatCompletions, R"({"model":"m","messages":{}})", "messages"},
      {kChatCompletions, R"({"model":"m","messages":null})", "messages"},
      {kChatCompletions, R"({"model":"m","messages":[1],"stream":"true"})", "stream"},
      {kChatCompletions, R"({"model":"m","messages":[1],"stream":1})", "stream"},
      {kChatCompletions, R"({"model":"m","messages":[1],"max_tokens":0})", "max_tokens"},
      {kChatCompletions, R"({"model":"m","messages":[1],"max_tokens":1.5})", "max_tokens"},
      {kChatCompletions, R"({"model":"m","messages":[1],"max_completion_tokens":"9"})",
       "max_completion_tokens"},
      {kChatCompletions, R"({"model":"m","messages":[1],"n":-1})", "n"},
      {kChatCompletions, R"({"model":"m","messages":[1],"stream_options":true})", "stream_options"},
      {kChatCompletions, R"({"model":"m","messages":[1],"stream_options":{"include_usage":1}})",
       "stream_options.include_usage"},
      {kEmbeddings, R"({"model":"m"})", "input"},
      {kMessages, R"({"model":"m","messages":[1]})", "max_tokens"},
      {kMessages, R"({"model":"m","messages":[1],"max_tokens":null})", "max_tokens"},
      {kMessages, R"({"model":"m","messages":[1],"max_tokens":-1})", "max_tokens"},
      {kMessages, R"({"model":"m","max_tokens":1})", "messages"},
      {kMessages, R"({"model":"m","messages":[1],"max_tokens":1,"stream":"x"})", "stream"},
  };
  for (const Case& test : cases) {
    const auto request = understand(test.endpoint, std::string(test.body));
    ASSERT_FALSE(request) << test.body;
    EXPECT_EQ(request.error().code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(request.error().param, test.param) << test.body;
    EXPECT_FALSE(request.error().message.empty());
  }
}

TEST(Request, RefusesFieldsThatTwoHopsCouldReadDifferently) {
  for (const std::string_view twice :
       {R"("model":"a","model":"b")", R"("model":"a","mod\u0065l":"b")",
        R"("model":"a","stream":true,"stream":false)",
        R"("model":"a","max_tokens":1,"max_tokens":2)", R"("model":"a","messages":[1])"}) {
    const auto request = chat(fmt::format(R"({{"messages":[1],{}}})", twice));
    ASSERT_FALSE(request) << twice;
    EXPECT_EQ(request.error().code, ErrorCode::kInvalidRequest);
  }
  EXPECT_FALSE(chat(
      R"({"model":"m","messages":[1],"stream_options":{"include_usage":true,"include_usage":false}})"));
  EXPECT_TRUE(chat(R"({"model":"m","messages":[1],"user":"a","user":"b"})"));
}

TEST(Request, AcceptsTheOtherEndpoints) {
  EXPECT_TRUE(understand(kCompletions, R"({"model":"m","prompt":"x","stream":true})"));
  EXPECT_TRUE(understand(kEmbeddings, R"({"model":"m","input":"x"})"));
  const auto warm = understand(kMessages, R"({"model":"m","messages":[1],"max_tokens":0})");
  ASSERT_TRUE(warm);
  EXPECT_EQ(warm->max_tokens, 0);
}

TEST(UpstreamBody, IsTheClientsOwnBytesWhenNothingChanges) {
  const std::string body =
      "{ \"zz\" : 1.0e0,\t\"model\":\"m\" ,\r\n\"messages\":[{}], \"seed\":12345678901234567890123 "
      "}";
  const auto request = chat(body);
  ASSERT_TRUE(request);
  std::string storage;
  const std::string_view sent = upstream_body(*request, {.model = "m"}, storage);
  EXPECT_EQ(sent, body);
  EXPECT_EQ(sent.data(), request->body.data());
}

TEST(UpstreamBody, ReplacesOnlyTheModel) {
  const auto request =
      chat(R"({ "a":[1, 2], "mod\u0065l" : "gpt\u002d4o" , "messages":[{}],"b":"é"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "gpt-4o");
  EXPECT_EQ(sent(*request, {.model = "a \"b\""}),
            R"({ "a":[1, 2], "mod\u0065l" : "a \"b\"" , "messages":[{}],"b":"é"})");
}

TEST(UpstreamBody, AsksStreamsForUsage) {
  EXPECT_EQ(chat_sent(R"("model":"m","stream":true)"),
            R"("model":"m","stream_options":{"include_usage":true},"stream":true})");
  EXPECT_EQ(chat_sent(R"("stream":true,"model":"m")", "up"),
            R"("stream":true,"model":"up","stream_options":{"include_usage":true}})");
  EXPECT_EQ(chat_sent(R"("model":"m","stream":true,"stream_options":null)"),
            R"("model":"m","stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(chat_sent(R"("model":"m","stream":true,"stream_options":{ })"),
            R"("model":"m","stream":true,"stream_options":{"include_usage":true }})");
  EXPECT_EQ(
      chat_sent(R"("stream_options":{"include_usage": false},"model":"m","stream":true)", "u"),
      R"("stream_options":{"include_usage": true},"model":"u","stream":true})");
  EXPECT_EQ(chat_sent(R"("stream_options":{"include_usage":null},"model":"m","stream":true)"),
            R"("stream_options":{"include_usage":true},"model":"m","stream":true})");
  EXPECT_EQ(
      chat_sent(R"("model":"m","stream":true,"stream_options":{"include_obfuscation":false})"),
      R"("model":"m","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}})");
}

TEST(UpstreamBody, DoesNotAskWhereItNeedNot) {
  EXPECT_EQ(chat_sent(R"("model":"m","stream":false)"), R"("model":"m","stream":false})");
  EXPECT_EQ(chat_sent(R"("model":"m","stream":true,"stream_options":{"include_usage":true})"),
            R"("model":"m","stream":true,"stream_options":{"include_usage":true}})");
  const std::string body = R"({"model":"m","messages":[1],"max_tokens":9,"stream":true})";
  const auto messages = understand(kMessages, body);
  ASSERT_TRUE(messages);
  EXPECT_EQ(sent(*messages, {.model = "m"}), body);
}

TEST(UpstreamBody, StaysRightWhenTheRequestMoves) {
  auto request = chat(R"({"messages":[1],"model":"m"})");
  ASSERT_TRUE(request);
  const InferenceRequest moved = std::move(*request);
  EXPECT_EQ(sent(moved, {.model = "other"}), R"({"messages":[1],"model":"other"})");
}

}  // namespace
}  // namespace sluice::dialect
