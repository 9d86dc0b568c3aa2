#include "mock/anthropic.hpp"

#include <gtest/gtest.h>

#include "mock/answer_test_support.hpp"

namespace sluice::mock::anthropic {
namespace {

using json::Value;

Ask message(std::string_view model, std::string_view more = R"(,"max_tokens":1000)") {
  const std::string body = fmt::format(
      R"({{"model":"{}","messages":[{{"role":"user","content":"hello"}}]{}}})", model, more);
  auto ask = read_message(body);
  EXPECT_TRUE(ask.has_value()) << (ask ? "" : ask.error().message);
  return ask.value_or(Ask{});
}

std::vector<std::string> stream(std::string_view model, std::string_view more = "") {
  const Ask ask = message(model, fmt::format(R"(,"max_tokens":1000,"stream":true{})", more));
  return frames_of(make_message(ask, ask.script));
}

std::vector<std::string> types_of(const std::vector<std::string>& frames) {
  std::vector<std::string> types;
  for (const std::string& frame : frames) {
    const std::string type = Value(data_of(frame))["type"].as_string().value_or("broken");
    EXPECT_TRUE(frame.starts_with("event: " + type + "\n")) << frame;
    types.push_back(type);
  }
  return types;
}

TEST(AnthropicAnswer, StreamsAsTheApiDoes) {
  const auto frames = stream("mock-c2");
  const std::vector<std::string> expected = {
      "message_start",       "content_block_start", "ping",          "content_block_delta",
      "content_block_delta", "content_block_stop",  "message_delta", "message_stop"};
  EXPECT_EQ(types_of(frames), expected);
  const Value start = Value(data_of(frames[0]))["message"];
  EXPECT_EQ(start["id"].as_string(), "id-1");
  EXPECT_EQ(start["role"].as_string(), "assistant");
  EXPECT_TRUE(start["content"].is_empty());
  EXPECT_TRUE(start["stop_reason"].is_null());
  EXPECT_EQ(start["usage"]["input_tokens"].as_int(), 8);
  const Value end(data_of(frames[6]));
  EXPECT_EQ(end["delta"]["stop_reason"].as_string(), "end_turn");
  EXPECT_EQ(end["usage"]["input_tokens"].as_int(), 8);
  EXPECT_EQ(end["usage"]["output_tokens"].as_int(), 2);
}

TEST(AnthropicAnswer, OpensAndClosesBlocksOneByOne) {
  const auto frames = stream("mock-c2-k-t");
  int64_t open = -1;
  int64_t next = 0;
  int64_t signatures = 0;
  std::vector<std::string> kinds;
  std::array<std::string, 4> input;
  for (const std::string& frame : frames) {
    const Value event(data_of(frame));
    const std::string type = *event["type"].as_string();
    if (type == "content_block_start") {
      EXPECT_EQ(open, -1);
      open = next++;
      EXPECT_EQ(event["index"].as_int(), open);
      kinds.push_back(*event["content_block"]["type"].as_string());
    } else if (type == "content_block_delta") {
      EXPECT_EQ(event["index"].as_int(), open);
      if (*event["delta"]["type"].as_string() == "signature_delta") ++signatures;
      input.at(static_cast<size_t>(open)) +=
          event["delta"]["partial_json"].as_string().value_or("");
    } else if (type == "content_block_stop") {
      EXPECT_EQ(event["index"].as_int(), open);
      open = -1;
    }
  }
  const std::vector<std::string> expected = {"thinking", "text", "tool_use", "tool_use"};
  EXPECT_EQ(kinds, expected);
  EXPECT_EQ(signatures, 1);
  EXPECT_EQ(input[2], R"({"city":"Paris","unit":"celsius"})");
  EXPECT_EQ(input[3], R"({"city":"Tokyo","unit":"celsius"})");
  EXPECT_EQ(Value(data_of(frames[frames.size() - 2]))["delta"]["stop_reason"].as_string(),
            "tool_use");
}

TEST(AnthropicAnswer, IsTheSameTextStreamedOrNot) {
  std::string text;
  for (const std::string& frame : stream("mock-c30-b3-k")) {
    text += Value(data_of(frame))["delta"]["text"].as_string().value_or("");
  }
  const Ask ask = message("mock-c30-b3-k");
  const std::string body = frames_of(make_message(ask, ask.script)).at(0);
  ASSERT_TRUE(json::valid(body));
  const Value whole(body);
  json::Elements content(whole["content"]);
  Value block;
  ASSERT_TRUE(content.next(block));
  EXPECT_EQ(block["type"].as_string(), "thinking");
  ASSERT_TRUE(content.next(block));
  EXPECT_EQ(block["text"].as_string(), text);
  EXPECT_EQ(Value(body)["usage"]["output_tokens"].as_int(), 30 * 3 + 4 * 3);
}

TEST(AnthropicAnswer, LeavesOutWhatTheScriptSays) {
  const auto frames = stream("mock-c1-d0-u0");
  EXPECT_EQ(types_of(frames).back(), "message_delta");
  for (const std::string& frame : frames) EXPECT_EQ(frame.find("usage"), std::string::npos);
}

TEST(AnthropicAnswer, StopsAtTheLimit) {
  const Ask ask = message("mock-c10", R"(,"max_tokens":4)");
  const std::string body = frames_of(make_message(ask, ask.script)).at(0);
  EXPECT_EQ(Value(body)["stop_reason"].as_string(), "max_tokens");
  EXPECT_EQ(Value(body)["usage"]["output_tokens"].as_int(), 4);
}

TEST(AnthropicAnswer, BreaksExactlyTheEventOfTheScript) {
  const auto frames = stream("mock-c3-m2");
  int broken = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (json::valid(data_of(frames[i]))) continue;
    ++broken;
    EXPECT_EQ(i, 4U);
  }
  EXPECT_EQ(broken, 1);
}

TEST(AnthropicRequest, SaysWhatIsMissing) {
  const auto complaint = [](std::string_view body) {
    const auto ask = read_message(body);
    return ask ? "none" : ask.error().message;
  };
  const std::string messages = R"("messages":[{"role":"user","content":"x"}])";
  EXPECT_EQ(complaint("{" + messages + R"(,"max_tokens":5})"), "model: Field required");
  EXPECT_EQ(complaint(R"({"model":"mock","max_tokens":5})"), "messages: Field required");
  EXPECT_EQ(complaint(R"({"model":"mock",)" + messages + "}"), "max_tokens: Field required");
  EXPECT_EQ(complaint(R"({"model":"mock","max_tokens":5,"messages":[{"role":"user"}]})"),
            "messages.0.content: Field required");
  EXPECT_EQ(complaint(R"({"model":"mock","max_tokens":5,)" + messages + "}"), "none");
  EXPECT_NE(complaint(R"({"model":"mock-w1","max_tokens":5,)" + messages + "}").find("\"w1\""),
            std::string::npos);
  EXPECT_EQ(complaint("{"), "The request body is not valid JSON");
}

TEST(AnthropicRequest, CountsTokensWithoutALimit) {
  const auto ask =
      read_token_count(R"({"model":"mock","messages":[{"role":"user","content":"hello"}]})");
  ASSERT_TRUE(ask.has_value());
  EXPECT_GT(ask->prompt_tokens, 0U);
  EXPECT_EQ(ask->prompt_tokens, message("mock").prompt_tokens);
}

TEST(AnthropicError, HasTheRequestId) {
  const std::string body = error_body(refusal_of(529, "m"), "req_1");
  EXPECT_EQ(Value(body)["type"].as_string(), "error");
  EXPECT_EQ(Value(body)["error"]["type"].as_string(), "overloaded_error");
  EXPECT_EQ(Value(body)["request_id"].as_string(), "req_1");
}

}  // namespace
}  // namespace sluice::mock::anthropic
