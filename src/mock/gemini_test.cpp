#include "mock/gemini.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "mock/answer_test_support.hpp"
#include "mock/seals.hpp"

namespace sluice::mock::gemini {
namespace {

using json::Value;

constexpr std::string_view kHello = R"([{"role":"user","parts":[{"text":"hi"}]}])";

std::string request(std::string_view more = "", std::string_view contents = kHello) {
  return fmt::format(R"({{"contents":{}{}}})", contents, more);
}

std::string complaint(std::string_view more, std::string_view contents = kHello,
                      std::string_view model = "mock-c1") {
  const auto ask = read_generate(request(more, contents), model);
  return ask ? "none" : ask.error().message;
}

/// The JSON of every event.
std::vector<std::string> stream(std::string_view model, std::string_view more = "") {
  const auto ask = read_stream(request(more), model);
  EXPECT_TRUE(ask) << (ask ? "" : ask.error().message);
  std::vector<std::string> events;
  for (const std::string& frame : frames_of(make_content(*ask, ask->script))) {
    EXPECT_TRUE(frame.starts_with("data: ") && frame.ends_with("\r\n\r\n")) << frame;
    events.push_back(frame.substr(6, frame.size() - 10));
  }
  return events;
}

std::string whole(std::string_view model, std::string_view more = "") {
  const auto ask = read_generate(request(more), model);
  EXPECT_TRUE(ask) << (ask ? "" : ask.error().message);
  return frames_of(make_content(*ask, ask->script)).at(0);
}

Value candidate(std::string_view event) {
  json::Elements elements{Value{event}["candidates"]};
  Value first;
  elements.next(first);
  return first;
}

TEST(GeminiAnswer, CountsWhatItSendsInEveryForm) {
  const std::string shown = R"(,"generationConfig":{"thinkingConfig":{"includeThoughts":true}})";
  for (const char* model :
       {"mock-c7", "mock-c3-b4-k", "mock-t", "mock-k-t", "mock-c2-k-t", "mock-c0", "mock-c0-k"}) {
    for (const std::string& more : {std::string(), shown}) {
      for (const auto& ask :
           {read_stream(request(more), model), read_generate(request(more), model)}) {
        ASSERT_TRUE(ask);
        const Answer answer = make_content(*ask, ask->script);
        uint64_t sent = 0;
        for (const Frame& frame : answer.frames) sent += frame.tokens;
        EXPECT_EQ(sent, answer.completion_tokens) << model << more;
      }
    }
  }
}

TEST(GeminiAnswer, AddsUpUsageFromEventToEvent) {
  const auto events = stream("mock-c3-k");
  int64_t before = 0;
  for (const std::string& event : events) {
    ASSERT_TRUE(json::valid(event)) << event;
    const Value usage = Value(event)["usageMetadata"];
    const int64_t total = usage["totalTokenCount"].as_int().value_or(-1);
    EXPECT_GE(total, before);
    before = total;
  }
  EXPECT_EQ(before, 8 + 4 + 3);
  EXPECT_EQ(Value(events.back())["usageMetadata"].raw(),
            Value(whole("mock-c3-k"))["usageMetadata"].raw());
}

TEST(GeminiAnswer, FinishesWithItsLastContent) {
  const auto events = stream("mock-c3");
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(candidate(events[1])["finishReason"].as_string(), std::nullopt);
  EXPECT_EQ(candidate(events[2])["finishReason"].as_string(), "STOP");
  EXPECT_EQ(candidate(stream("mock-t").back())["finishReason"].as_string(), "STOP");
}

TEST(GeminiAnswer, HasNoPartsWhenTheLimitWentIntoThinking) {
  const std::string limit = R"(,"generationConfig":{"maxOutputTokens":3})";
  const std::string body = whole("mock-c5-k", limit);
  EXPECT_EQ(candidate(body)["content"].raw(), R"({"role": "model"})");
  EXPECT_EQ(candidate(body)["finishReason"].as_string(), "MAX_TOKENS");
  EXPECT_EQ(Value(body)["usageMetadata"]["candidatesTokenCount"].raw(), "");
  EXPECT_EQ(Value(body)["usageMetadata"]["thoughtsTokenCount"].as_int(), 3);
}

TEST(GeminiAnswer, SignsTheFirstCallAlone) {
  const auto events = stream("mock-t");
  ASSERT_EQ(events.size(), 2U);
  const auto signature = [](std::string_view event) {
    json::Elements parts(candidate(event)["content"]["parts"]);
    Value part;
    parts.next(part);
    return part["thoughtSignature"].as_string().value_or("");
  };
  EXPECT_TRUE(unseal(signature(events[0])));
  EXPECT_EQ(signature(events[1]), "");
}

TEST(GeminiAnswer, BreaksExactlyTheEventOfTheScript) {
  const auto events = stream("mock-c3-m2");
  EXPECT_TRUE(json::valid(events[0]));
  EXPECT_FALSE(json::valid(events[1]));
  EXPECT_TRUE(json::valid(events[2]));
}

TEST(GeminiRequest, KnowsNoOtherName) {
  EXPECT_EQ(complaint(R"(,"stream":true)"),
            R"(Invalid JSON payload received. Unknown name "stream": Cannot find field.)");
  EXPECT_EQ(complaint(R"(,"generationConfig":{"max_tokens":1})"),
            "Invalid JSON payload received. Unknown name \"max_tokens\" at 'generation_config': "
            "Cannot find field.");
  EXPECT_EQ(complaint("", R"([{"role":"user","parts":[{"type":"text","text":"x"}]}])"),
            "Invalid JSON payload received. Unknown name \"type\" at 'contents[0].parts[0]': "
            "Cannot find field.");
  EXPECT_EQ(complaint(R"(,"generation_config":{"max_output_tokens":1},"system_instruction":)"
                      R"({"parts":[{"text":"x"}]})"),
            "none");
}

TEST(GeminiRequest, KnowsWhoseTurnItIs) {
  const std::string user = R"({"role":"user","parts":[{"text":"x"}]})";
  const std::string model = R"({"role":"model","parts":[{"text":"x"}]})";
  EXPECT_EQ(complaint("", fmt::format("[{},{},{}]", user, model, user)), "none");
  EXPECT_NE(complaint("", fmt::format("[{},{}]", user, user)).find("alternate"), std::string::npos);
  EXPECT_NE(complaint("", R"([{"role":"system","parts":[{"text":"x"}]}])").find("valid role"),
            std::string::npos);
  EXPECT_NE(complaint("", R"([{"role":"user","parts":[]}])").find("must not be empty"),
            std::string::npos);
  EXPECT_NE(complaint("", R"([{"role":"user","parts":[{"text":""}]}])").find("oneof field 'data'"),
            std::string::npos);
  EXPECT_NE(complaint("", "[]").find("contents is not specified"), std::string::npos);
}

TEST(GeminiRequest, WantsAResponseForEveryCall) {
  const auto call = [](std::string_view name) {
    return fmt::format(R"({{"functionCall":{{"name":"{}","args":{{}}}}}})", name);
  };
  const auto response = [](std::string_view name, std::string_view value = "{}") {
    return fmt::format(R"({{"functionResponse":{{"name":"{}","response":{}}}}})", name, value);
  };
  const auto round = [&](const std::string& calls, const std::string& responses) {
    return complaint(
        "", fmt::format(R"([{{"role":"user","parts":[{{"text":"x"}}]}},)"
                        R"({{"role":"model","parts":[{}]}},{{"role":"user","parts":[{}]}}])",
                        calls, responses));
  };
  const std::string both = call("f") + "," + call("g");
  EXPECT_EQ(round(both, response("f") + "," + response("g")), "none");
  EXPECT_EQ(round(both, response("f") + "," + response("g") + R"(,{"text":"and?"})"), "none");
  EXPECT_NE(round(both, response("g") + "," + response("f")).find("order"), std::string::npos);
  EXPECT_NE(round(both, response("f")).find("is equal to the number"), std::string::npos);
  EXPECT_NE(round(both, R"({"text":"x"})").find("is equal to the number"), std::string::npos);
  EXPECT_NE(round(R"({"text":"x"})", response("f")).find("immediately after a function call"),
            std::string::npos);
  EXPECT_NE(round(call("f"), response("")).find("Name cannot be empty"), std::string::npos);
  EXPECT_NE(round(call("f"), response("f", R"("sunny")")).find("google.protobuf.Struct"),
            std::string::npos);
}

TEST(GeminiRequest, WantsCallsOfLaterModelsSigned) {
  std::string sealed;
  append_seal(sealed, "abc");
  const auto round = [&](const std::string& member, std::string_view model) {
    return complaint(
        "",
        fmt::format(
            R"([{{"role":"user","parts":[{{"text":"x"}}]}},{{"role":"model","parts":[)"
            R"({{"functionCall":{{"name":"f","args":{{}}}}{}}}]}},{{"role":"user","parts":[)"
            R"({{"functionResponse":{{"name":"f","response":{{}}}}}}]}}])",
            member),
        model);
  };
  const std::string name = R"(,"thoughtSignature":")";
  EXPECT_EQ(round("", "gemini-2.5-flash"), "none");
  EXPECT_NE(round("", "gemini-3-pro-preview").find("missing a thought_signature"),
            std::string::npos);
  EXPECT_EQ(round(name + sealed + '"', "gemini-3-pro-preview"), "none");
  EXPECT_EQ(round(name + "skip_thought_signature_validator\"", "gemini-3-flash"), "none");
  EXPECT_EQ(round(name + "bm9uZQ==\"", "gemini-3-flash"), "Corrupted thought signature.");
}

TEST(GeminiRequest, KnowsASubsetOfSchemas) {
  const auto tool = [](std::string_view rest) {
    return fmt::format(R"(,"tools":[{{"functionDeclarations":[{{"name":"f",{}}}]}}])", rest);
  };
  EXPECT_EQ(complaint(tool(R"("parametersJsonSchema":{"$schema":"x","type":["string","null"]})")),
            "none");
  EXPECT_EQ(
      complaint(tool(R"("parameters":{"type":"object","properties":{"a":{"type":"STRING"}}})")),
      "none");
  EXPECT_EQ(complaint(tool(R"("parameters":{"type":"object","additionalProperties":false})")),
            "Invalid JSON payload received. Unknown name \"additionalProperties\" at "
            "'tools[0].function_declarations[0].parameters': Cannot find field.");
  EXPECT_NE(
      complaint(tool(R"("parameters":{"type":"object","properties":{"a":{"type":["null"]}}})"))
          .find("'tools[0].function_declarations[0].parameters.properties[0].value': Proto "
                "field is not repeating"),
      std::string::npos);
  EXPECT_NE(complaint(R"(,"tools":[{"functionDeclarations":[{"name":"1f"}]}])")
                .find("Invalid function name"),
            std::string::npos);
}

TEST(GeminiRequest, ChecksItsConfiguration) {
  const auto config = [](std::string_view member) {
    return complaint(fmt::format(R"(,"generationConfig":{{{}}})", member));
  };
  EXPECT_NE(config(R"("temperature":2.5)").find("supported range"), std::string::npos);
  EXPECT_NE(config(R"("candidateCount":2)").find("Multiple candidates"), std::string::npos);
  EXPECT_NE(config(R"("stopSequences":["a","b","c","d","e","f"])").find("at most 5"),
            std::string::npos);
  EXPECT_NE(config(R"("responseJsonSchema":{})").find("response_mime_type"), std::string::npos);
  EXPECT_NE(
      config(R"("thinkingConfig":{"thinkingBudget":1,"thinkingLevel":"LOW"})").find("only one"),
      std::string::npos);
  EXPECT_NE(config(R"("thinkingConfig":{"thinkingLevel":"max"})").find("thinking_level"),
            std::string::npos);
  EXPECT_NE(complaint(R"(,"toolConfig":{"functionCallingConfig":{"mode":"AUTO",)"
                      R"("allowedFunctionNames":["f"]}})")
                .find("allowed_function_names"),
            std::string::npos);
}

TEST(GeminiRequest, CountsTheTextsOfAWholeRequest) {
  const auto ask =
      read_generate(request(R"(,"systemInstruction":{"parts":[{"text":"hi hi"}]})"), "mock-c1");
  ASSERT_TRUE(ask);
  EXPECT_EQ(ask->prompt_tokens, 3U);
  const auto count = read_token_count(
      R"({"generateContentRequest":{"model":"models/mock-c1","contents":[{"parts":[{"text":"hi"}]}],)"
      R"("systemInstruction":{"parts":[{"text":"hi hi"}]}}})",
      "mock-c1");
  ASSERT_TRUE(count) << count.error().message;
  EXPECT_EQ(count->prompt_tokens, 3U);
  EXPECT_FALSE(read_token_count(request(R"(,"systemInstruction":{})"), "mock-c1"));
}

TEST(GeminiError, TellsWhenToRetryInItsDetails) {
  Refusal refusal = refusal_of(429, "m");
  refusal.retry_after = 7;
  const std::string body = error_body(refusal);
  ASSERT_TRUE(json::valid(body)) << body;
  EXPECT_EQ(Value(body)["error"]["status"].as_string(), "RESOURCE_EXHAUSTED");
  EXPECT_NE(body.find(R"("retryDelay":"7s")"), std::string::npos);
  EXPECT_EQ(Value(error_body(refusal_of(503, "m")))["error"]["status"].as_string(), "UNAVAILABLE");
}

}  // namespace
}  // namespace sluice::mock::gemini
