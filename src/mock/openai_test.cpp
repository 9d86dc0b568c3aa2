#include "mock/openai.hpp"

#include <gtest/gtest.h>

#include "json/writer.hpp"
#include "mock/answer_test_support.hpp"

namespace sluice::mock::openai {
namespace {

using json::Value;

Ask chat(std::string_view model, std::string_view more = "") {
  const std::string body = fmt::format(
      R"({{"model":"{}","messages":[{{"role":"user","content":"hello"}}]{}}})", model, more);
  auto ask = read_chat(body);
  EXPECT_TRUE(ask.has_value()) << (ask ? "" : ask.error().message);
  return ask.value_or(Ask{});
}

std::vector<std::string> chat_frames(std::string_view model, std::string_view more) {
  const Ask ask = chat(model, more);
  return frames_of(make_chat(ask, ask.script));
}

Value choice_of(Value body, size_t index = 0) {
  json::Elements choices(body["choices"]);
  Value choice;
  for (size_t i = 0; i <= index; ++i) {
    if (!choices.next(choice)) return {};
  }
  return choice;
}

TEST(OpenAiAnswer, StreamsAsTheApiDoes) {
  const auto frames =
      chat_frames("mock-c3", R"(,"stream":true,"stream_options":{"include_usage":true})");
  ASSERT_EQ(frames.size(), 7U);
  for (size_t i = 0; i < 6; ++i) {
    const std::string_view data = data_of(frames[i]);
    ASSERT_TRUE(json::valid(data)) << data;
    const Value chunk(data);
    EXPECT_EQ(chunk["id"].as_string(), "id-1");
    EXPECT_EQ(chunk["object"].as_string(), "chat.completion.chunk");
    EXPECT_EQ(chunk["created"].as_int(), 1700000000);
    EXPECT_EQ(chunk["model"].as_string(), "mock-c3");
    EXPECT_TRUE(chunk["system_fingerprint"].as_string()->starts_with("fp_"));
    EXPECT_EQ(chunk["usage"].is_null(), i < 5) << i;
  }
  const Value role = choice_of(Value(data_of(frames[0])))["delta"];
  EXPECT_EQ(role["role"].as_string(), "assistant");
  EXPECT_EQ(role["content"].as_string(), "");
  const Value text = choice_of(Value(data_of(frames[1])));
  EXPECT_FALSE(text["delta"]["role"].exists());
  EXPECT_FALSE(text["delta"]["content"].as_string()->empty());
  EXPECT_TRUE(text["finish_reason"].is_null());
  const Value finish = choice_of(Value(data_of(frames[4])));
  EXPECT_EQ(finish["delta"].raw(), "{}");
  EXPECT_EQ(finish["finish_reason"].as_string(), "stop");
  const Value last(data_of(frames[5]));
  EXPECT_TRUE(last["choices"].is_empty());
  EXPECT_EQ(last["usage"]["prompt_tokens"].as_int(), 8);
  EXPECT_EQ(last["usage"]["completion_tokens"].as_int(), 3);
  EXPECT_EQ(last["usage"]["total_tokens"].as_int(), 11);
  EXPECT_EQ(frames[6], "data: [DONE]\n\n");
}

TEST(OpenAiAnswer, SendsUsageOnlyWhenAsked) {
  for (const std::string& frame : chat_frames("mock-c3", R"(,"stream":true)")) {
    EXPECT_EQ(frame.find("usage"), std::string::npos) << frame;
  }
}

TEST(OpenAiAnswer, LeavesOutWhatTheScriptSays) {
  const auto frames =
      chat_frames("mock-c1-d0-u0", R"(,"stream":true,"stream_options":{"include_usage":true})");
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_NE(frames.back().find("\"finish_reason\":\"stop\""), std::string::npos);
}

TEST(OpenAiAnswer, IsTheSameTextStreamedOrNot) {
  const auto frames = chat_frames("mock-c30-b7-k", R"(,"stream":true)");
  std::string text;
  std::string thinking;
  for (const std::string& frame : frames) {
    const Value delta = choice_of(Value(data_of(frame)))["delta"];
    text += delta["content"].as_string().value_or("");
    thinking += delta["reasoning_content"].as_string().value_or("");
  }
  const auto whole = chat_frames("mock-c30-b7-k", "");
  ASSERT_EQ(whole.size(), 1U);
  const Value message = choice_of(Value(whole[0]))["message"];
  EXPECT_EQ(message["content"].as_string(), text);
  EXPECT_EQ(message["reasoning_content"].as_string(), thinking);
  EXPECT_EQ(Value(whole[0])["usage"]["completion_tokens"].as_int(), 30 * 7 + 4 * 7);
}

TEST(OpenAiAnswer, GoesOnWithWhatTheAssistantHasSaid) {
  const auto text_of = [](const Ask& ask) { return Plan(ask, ask.script, 0).all_text(); };
  const Ask whole = chat("mock-c130");
  const std::string text = text_of(whole);
  for (uint64_t said = 1; said <= 130; ++said) {
    Ask part = whole;
    part.limit = said;
    std::string prefill = text_of(part);
    prefill.resize(prefill.find_last_not_of(" \n") + 1);
    std::string quoted;
    json::append_string(quoted, prefill);
    auto ask = read_chat(R"({"model":"mock-c130","messages":[{"role":"user","content":"hello"},)"
                         R"({"role":"assistant","content":)" +
                         quoted + "}]}");
    ASSERT_TRUE(ask.has_value());
    EXPECT_EQ(ask->said_words, said);
    EXPECT_EQ(text_of(part) + text_of(*ask), text) << said;
    EXPECT_EQ(make_chat(*ask, ask->script).completion_tokens, 130 - said);
  }
  auto other = read_chat(R"({"model":"mock-c130","messages":[{"role":"user","content":"hello"},)"
                         R"({"role":"assistant","content":"Something else"}]})");
  EXPECT_EQ(text_of(*other), text);
}

TEST(OpenAiAnswer, CallsTheToolsOfTheRequestInPieces) {
  const auto frames = chat_frames(
      "mock-t",
      R"(,"stream":true,"tools":[{"type":"function","function":{"name":"one"}},{"type":"function","function":{"name":"two"}}])");
  std::array<std::string, 2> ids;
  std::array<std::string, 2> names;
  std::array<std::string, 2> arguments;
  for (const std::string& frame : frames) {
    const Value calls = choice_of(Value(data_of(frame)))["delta"]["tool_calls"];
    json::Elements elements(calls);
    Value call;
    if (!calls.exists() || !elements.next(call)) continue;
    const auto index = static_cast<size_t>(*call["index"].as_int());
    ids.at(index) += call["id"].as_string().value_or("");
    names.at(index) += call["function"]["name"].as_string().value_or("");
    arguments.at(index) += *call["function"]["arguments"].as_string();
  }
  EXPECT_TRUE(ids[0].starts_with("call_"));
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(names[0], "one");
  EXPECT_EQ(names[1], "two");
  EXPECT_EQ(arguments[0], R"({"city":"Paris","unit":"celsius"})");
  EXPECT_EQ(arguments[1], R"({"city":"Tokyo","unit":"celsius"})");
  EXPECT_NE(frames[frames.size() - 2].find("\"finish_reason\":\"tool_calls\""), std::string::npos);
}

TEST(OpenAiAnswer, HonoursChoicesAndLimit) {
  const auto whole = chat_frames("mock-c10-b2", R"(,"n":2,"max_completion_tokens":5)");
  const Value body(whole.at(0));
  for (size_t i = 0; i < 2; ++i) {
    const Value choice = choice_of(body, i);
    EXPECT_EQ(choice["index"].as_int(), static_cast<int64_t>(i));
    EXPECT_EQ(choice["finish_reason"].as_string(), "length");
  }
  EXPECT_NE(choice_of(body, 0)["message"]["content"].as_string(),
            choice_of(body, 1)["message"]["content"].as_string());
  EXPECT_EQ(body["usage"]["completion_tokens"].as_int(), 10);
}

TEST(OpenAiAnswer, BreaksExactlyTheEventOfTheScript) {
  const auto frames = chat_frames("mock-c4-m3", R"(,"stream":true)");
  for (size_t i = 0; i + 1 < frames.size(); ++i) {
    EXPECT_EQ(json::valid(data_of(frames[i])), i != 3) << frames[i];
  }
}

TEST(OpenAiAnswer, CompletesEveryPrompt) {
  const auto ask = read_completion(R"({"model":"mock-c2","prompt":["a","b"],"n":2})");
  ASSERT_TRUE(ask.has_value());
  const auto frames = frames_of(make_completion(*ask, ask->script));
  EXPECT_EQ(Value(frames.at(0))["object"].as_string(), "text_completion");
  EXPECT_TRUE(choice_of(Value(frames[0]), 3).exists());
}

TEST(OpenAiEmbedding, IsTheSameVectorInBothEncodings) {
  const auto floats = read_embedding(
      R"({"model":"text-embedding-3-small","input":"x","dimensions":2,"encoding_format":"float"})");
  const auto base64 = read_embedding(
      R"({"model":"text-embedding-3-small","input":"x","dimensions":2,"encoding_format":"base64"})");
  ASSERT_TRUE(floats && base64);
  const std::string as_floats = frames_of(make_embeddings(*floats, floats->script)).at(0);
  const std::string as_base64 = frames_of(make_embeddings(*base64, base64->script)).at(0);
  const auto embedding = [](std::string_view body) {
    const Value list(body);
    json::Elements data(list["data"]);
    Value first;
    data.next(first);
    return first["embedding"];
  };
  json::Elements numbers(embedding(as_floats));
  Value number;
  std::string bytes;
  while (numbers.next(number)) {
    const auto value = static_cast<float>(*number.as_double());
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  ASSERT_EQ(bytes.size(), 8U);
  // Decoded by hand: what a client's decoder must come to.
  std::string decoded;
  uint32_t group = 0;
  int bits = 0;
  const std::string text = embedding(as_base64).as_string().value();
  for (const char c : text) {
    if (c == '=') break;
    const size_t digit = std::string_view(
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                             "0123456789+/")
                             .find(c);
    ASSERT_NE(digit, std::string_view::npos);
    group = group << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits >= 8) decoded += static_cast<char>(group >> (bits -= 8) & 0xFF);
  }
  EXPECT_EQ(decoded, bytes);
}

TEST(OpenAiEmbedding, AnswersEveryInput) {
  const auto ask = read_embedding(R"({"model":"text-embedding-3-small","input":["a","b"]})");
  ASSERT_TRUE(ask.has_value());
  EXPECT_EQ(ask->inputs.size(), 2U);
  EXPECT_EQ(ask->dimensions, 1536U);
  const auto tokens = read_embedding(R"({"model":"text-embedding-3-small","input":[1,2,3]})");
  ASSERT_TRUE(tokens.has_value());
  EXPECT_EQ(tokens->inputs.size(), 1U);
}

TEST(OpenAiRequest, NamesTheFieldAtFault) {
  const auto param = [](std::string_view body) {
    const auto ask = read_chat(body);
    return ask ? "none" : ask.error().param;
  };
  EXPECT_EQ(param(R"({"model":"mock"})"), "messages");
  EXPECT_EQ(param(R"({"model":"mock","messages":[]})"), "messages");
  EXPECT_EQ(param(R"({"model":"mock","messages":"x"})"), "messages");
  EXPECT_EQ(param(R"({"model":"mock","messages":[{"content":"x"}]})"), "messages[0].role");
  EXPECT_EQ(param(R"({"model":"mock","messages":[{"role":"bot","content":""}]})"),
            "messages[0].role");
  EXPECT_EQ(param(R"({"model":7,"messages":[{"role":"user","content":"x"}]})"), "model");
  EXPECT_EQ(param(R"({"model":"mock-Q1","messages":[{"role":"user","content":"x"}]})"), "model");
  const std::string good = R"({"model":"mock","messages":[{"role":"user","content":"x"}])";
  EXPECT_EQ(param(good + "}"), "none");
  EXPECT_EQ(param(good + R"(,"stream":"yes"})"), "stream");
  EXPECT_EQ(param(good + R"(,"stream_options":{}})"), "stream_options");
  EXPECT_EQ(param(good + R"(,"n":0})"), "n");
  EXPECT_EQ(param(good + R"(,"n":129})"), "n");
  EXPECT_EQ(param(good + R"(,"max_tokens":0})"), "max_tokens");
  EXPECT_EQ(param(good + R"(,"max_tokens":1.5})"), "max_tokens");
}

TEST(OpenAiRequest, RefusesWhatIsNoObject) {
  for (const char* body : {"", "{", "[]", "null", "{\"model\":\"mock\",}"}) {
    const auto ask = read_chat(body);
    ASSERT_FALSE(ask.has_value()) << body;
    EXPECT_EQ(ask.error().type, "invalid_request_error");
  }
}

TEST(OpenAiRequest, BoundsTheAnswer) {
  const auto ask =
      read_chat(R"({"model":"mock-c100000","n":128,"messages":[{"role":"user","content":"x"}]})");
  ASSERT_FALSE(ask.has_value());
  EXPECT_EQ(ask.error().param, "n");
}

TEST(OpenAiError, HasEveryMember) {
  const std::string body = error_body(refusal_of(404, "gpt-5"));
  const Value error = Value(body)["error"];
  EXPECT_EQ(error["code"].as_string(), "model_not_found");
  EXPECT_TRUE(error["param"].is_null());
  EXPECT_NE(error["message"].as_string()->find("gpt-5"), std::string::npos);
  EXPECT_EQ(error["type"].as_string(), "invalid_request_error");
}

}  // namespace
}  // namespace sluice::mock::openai
