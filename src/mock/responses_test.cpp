#include "mock/responses.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "mock/answer_test_support.hpp"
#include "mock/seals.hpp"

namespace sluice::mock::responses {
namespace {

using json::Value;

Answered<Ask> read(std::string_view model, std::string_view more = "",
                   std::string_view input = R"("hi")") {
  return read_response(fmt::format(R"({{"model":"{}","input":{}{}}})", model, input, more));
}

std::vector<std::string> stream(std::string_view model, std::string_view more = "") {
  const auto ask = read(model, fmt::format(R"(,"stream":true{})", more));
  EXPECT_TRUE(ask) << (ask ? "" : ask.error().message);
  return frames_of(make_response(*ask, ask->script));
}

std::string type_of(const std::string& frame) {
  std::string type = Value(data_of(frame))["type"].as_string().value_or("");
  EXPECT_TRUE(frame.starts_with(fmt::format("event: {}\n", type))) << frame;
  return type;
}

/// The refusal's message and its parameter.
std::pair<std::string, std::string> complaint(std::string_view input, std::string_view more = "") {
  const auto ask = read("mock-c1", more, input);
  return ask ? std::pair<std::string, std::string>{"none", ""}
             : std::pair{ask.error().message, ask.error().param};
}

TEST(ResponsesAnswer, CountsWhatItSendsInEveryForm) {
  for (const char* model : {"mock-c7", "mock-c3-b4-k", "mock-t", "mock-c2-k-t", "mock-c0"}) {
    for (const char* more : {"", R"(,"reasoning":{"summary":"auto"})"}) {
      for (const char* how : {"true", "false"}) {
        const auto ask = read(model, fmt::format(R"(,"stream":{}{})", how, more));
        ASSERT_TRUE(ask);
        const Answer answer = make_response(*ask, ask->script);
        uint64_t sent = 0;
        for (const Frame& frame : answer.frames) sent += frame.tokens;
        EXPECT_EQ(sent, answer.completion_tokens) << model << more << how;
      }
    }
  }
}

TEST(ResponsesAnswer, OpensWhatItFills) {
  const auto frames = stream("mock-c2-k-t", R"(,"reasoning":{"summary":"auto"})");
  std::map<std::string, int> open;
  int64_t sequence = 0;
  for (const std::string& frame : frames) {
    const Value data(data_of(frame));
    ASSERT_TRUE(json::valid(data.raw())) << frame;
    EXPECT_EQ(data["sequence_number"].as_int(), sequence++);
    const std::string type = type_of(frame);
    const std::string index(data["output_index"].raw());
    if (type.ends_with("output_item.added")) ++open[index];
    if (type.ends_with("output_item.done")) --open[index];
    if (type.ends_with(".delta")) EXPECT_EQ(open[index], 1) << frame;
  }
  for (const auto& [index, count] : open) EXPECT_EQ(count, 0) << index;
  EXPECT_EQ(open.size(), 4U);
  EXPECT_EQ(type_of(frames.front()), "response.created");
  EXPECT_EQ(type_of(frames.back()), "response.completed");
}

TEST(ResponsesAnswer, RepeatsTheRequest) {
  const auto ask = read("mock-c1", R"(,"tools":[{"type":"function","name":"f","parameters":null}],
      "instructions":"Be brief","temperature":0.5,"store":false)");
  ASSERT_TRUE(ask) << ask.error().message;
  const Answer answer = make_response(*ask, ask->script);
  std::string scratch;
  Particulars particulars = kParticulars;
  particulars.echo = ask->echo;
  const std::string body(fill(answer, answer.frames[0], particulars, scratch));
  ASSERT_TRUE(json::valid(body)) << body;
  const Value whole(body);
  EXPECT_EQ(whole["instructions"].as_string(), "Be brief");
  EXPECT_EQ(whole["temperature"].raw(), "0.5");
  EXPECT_EQ(whole["store"].as_bool(), false);
  EXPECT_EQ(whole["tools"].raw(), R"([{"type":"function","name":"f","description":null,)"
                                  R"("parameters":null,"strict":true}])");
}

TEST(ResponsesAnswer, LeavesOutWhatTheScriptSays) {
  const auto frames = stream("mock-c1-d0-u0");
  EXPECT_EQ(type_of(frames.back()), "response.output_item.done");
  for (const std::string& frame : frames) {
    EXPECT_EQ(frame.find("input_tokens"), std::string::npos) << frame;
  }
}

TEST(ResponsesAnswer, SaysNothingWhenTheLimitWentIntoReasoning) {
  const auto ask = read("mock-c5-b9-k", R"(,"max_output_tokens":16)");
  ASSERT_TRUE(ask);
  const std::string body = frames_of(make_response(*ask, ask->script)).at(0);
  EXPECT_EQ(Value(body)["status"].as_string(), "incomplete");
  EXPECT_NE(body.find(R"("type":"reasoning")"), std::string::npos);
  EXPECT_EQ(body.find(R"("type":"message")"), std::string::npos);
  EXPECT_NE(body.find(R"("reasoning_tokens":16)"), std::string::npos);
}

TEST(ResponsesAnswer, EncryptsReasoningForWhomeverAsksForIt) {
  const auto frames = stream("mock-c1-k", R"(,"include":["reasoning.encrypted_content"])");
  std::string added;
  std::string done;
  for (const std::string& frame : frames) {
    const Value item = Value(data_of(frame))["item"];
    const std::string sealed = item["encrypted_content"].as_string().value_or("");
    if (!sealed.empty()) (added.empty() ? added : done) = sealed;
    if (item["type"].as_string() == "reasoning" && unseal(sealed)) {
      EXPECT_EQ(item["id"].as_string(), fmt::format("rs_{}", *unseal(sealed)));
    }
  }
  EXPECT_FALSE(unseal(added)) << "what comes first is not whole yet";
  EXPECT_TRUE(unseal(done));
}

TEST(ResponsesRequest, KnowsTheRulesOfItems) {
  const std::string long_id(65, 'x');
  const std::string call = R"({"type":"function_call","call_id":"c1","name":"f","arguments":"{}"})";
  const std::string output = R"({"type":"function_call_output","call_id":"c1","output":"x"})";
  const struct {
    std::string input;
    std::string message;
    std::string param;
  } kCases[] = {
      {R"([{"role":"user","content":"x"}])", "none", ""},
      {fmt::format("[{},{}]", call, output), "none", ""},
      {"[]", "must be provided", ""},
      {R"([{"type":"thinking"}])", "'thinking'", "input[0]"},
      {R"([{"role":"tool","content":"x"}])", "'tool'", "input[0]"},
      {R"([{"role":"user"}])", "'input[0].content'", "input[0].content"},
      {R"([{"role":"user","content":[{"type":"text","text":"x"}]}])", "'input_text'",
       "input[0].content[0]"},
      {R"([{"role":"assistant","content":[{"type":"input_text","text":"x"}]}])",
       "'output_text' and 'refusal'", "input[0].content[0]"},
      {R"([{"role":"user","content":[{"type":"input_image","image_url":{"url":"x"}}]}])",
       "expected a string, but got an object", "input[0].content[0].image_url"},
      {R"([{"role":"user","content":[{"type":"input_image","image_url":"x"}]}])", "a valid URL",
       "input[0].content[0].image_url"},
      {fmt::format("[{}]", call), "No tool output found for function call c1", "input"},
      {fmt::format("[{}]", output), "No tool call found for function call output with call_id c1",
       "input"},
      {fmt::format(R"([{{"type":"function_call","call_id":"{}","name":"f","arguments":"{{}}"}}])",
                   long_id),
       "maximum length 64, but got a string with length 65", "input[0].call_id"},
      {R"([{"type":"function_call","id":"call_1","call_id":"c","name":"f","arguments":"{}"}])",
       "begins with 'fc'", "input[0].id"},
      {R"([{"type":"function_call","call_id":"c","name":"f","arguments":{}}])",
       "expected a string, but got an object", "input[0].arguments"},
      {R"([{"type":"item_reference","id":"msg_1"}])", "'msg_1' not found", "input"},
      {R"([{"type":"reasoning","id":"rs_1","summary":[]}])", "'rs_1' not found", "input"},
      {R"([{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"}])",
       "could not be verified", ""},
      {"7", "expected one of an array", "input"},
  };
  for (const auto& each : kCases) {
    const auto [message, param] = complaint(each.input);
    EXPECT_NE(message.find(each.message), std::string::npos) << each.input << "\n" << message;
    EXPECT_EQ(param, each.param) << each.input;
  }
}

TEST(ResponsesRequest, WantsReasoningAsItWasMade) {
  std::string sealed;
  append_seal(sealed, "abc");
  const auto input = [&](std::string_view id, std::string_view behind) {
    return fmt::format(R"([{{"type":"reasoning",{}"summary":[],"encrypted_content":"{}"}}{}])", id,
                       sealed, behind);
  };
  const std::string answer = R"(,{"role":"assistant","content":"x"})";
  EXPECT_EQ(complaint(input(R"("id":"rs_abc",)", answer)).first, "none");
  EXPECT_EQ(complaint(input("", answer)).first, "none");
  EXPECT_NE(complaint(input(R"("id":"rs_other",)", answer)).first.find("did not match"),
            std::string::npos);
  for (const char* behind : {"", R"(,{"role":"user","content":"x"})"}) {
    EXPECT_NE(complaint(input(R"("id":"rs_abc",)", behind)).first.find("required following item"),
              std::string::npos);
  }
}

TEST(ResponsesRequest, KnowsItsParameters) {
  const auto tool = [](std::string_view rest) {
    return fmt::format(R"(,"tools":[{{"type":"function",{}}}])", rest);
  };
  const std::string open_schema = R"("parameters":{"type":"object","properties":{"a":{}}})";
  const struct {
    std::string more;
    std::string message;
    std::string param;
  } kCases[] = {
      {R"(,"max_output_tokens":15)", ">= 16, but got 15", "max_output_tokens"},
      {R"(,"max_tokens":15)", "moved to 'max_output_tokens'", "max_tokens"},
      {R"(,"messages":[])", "moved to 'input'", "messages"},
      {R"(,"stop":"x")", "Unknown parameter: 'stop'", "stop"},
      {R"(,"previous_response_id":"resp_1")", "'resp_1' not found", "previous_response_id"},
      {R"(,"include":["all"])", "'all'", "include[0]"},
      {R"(,"reasoning":{"effort":"huge"})", "'huge'", "reasoning.effort"},
      {R"(,"stream":true,"stream_options":{"include_usage":true})",
       "'stream_options.include_usage'", "stream_options.include_usage"},
      {R"(,"text":{"format":{"type":"json_schema","json_schema":{}}})", "'text.format.name'",
       "text.format.name"},
      {tool(R"("function":{"name":"f"})"), "'tools[0].name'", "tools[0].name"},
      {tool(R"("name":"a b")"), "does not match pattern", "tools[0].name"},
      {tool(R"("name":"f","strict":true,)" + open_schema), "'additionalProperties' is required",
       "tools[0].parameters"},
      {tool(R"("name":"f","strict":false,)" + open_schema), "none", ""},
      {tool(R"("name":"f",)" + open_schema), "none", ""},
      {R"(,"tools":[{"type":"search"}])", "'search'", "tools[0].type"},
      {R"(,"tools":[{"type":"web_search"}])", "none", ""},
  };
  for (const auto& each : kCases) {
    const auto [message, param] = complaint(R"("hi")", each.more);
    EXPECT_NE(message.find(each.message), std::string::npos) << each.more << "\n" << message;
    EXPECT_EQ(param, each.param) << each.more;
  }
}

TEST(ResponsesRequest, CountsLikeAChat) {
  const auto bare = read("mock-c1");
  EXPECT_EQ(bare->prompt_tokens, 3U + 1U + 1U + 3U);
  const auto parts =
      read("mock-c1", "", R"([{"role":"user","content":[{"type":"input_text","text":"hi"}]}])");
  EXPECT_EQ(parts->prompt_tokens, bare->prompt_tokens);
  const auto more = read("mock-c1", R"(,"instructions":"hi")");
  EXPECT_EQ(more->prompt_tokens, bare->prompt_tokens + 3U + 1U + 1U);
}

}  // namespace
}  // namespace sluice::mock::responses
