#include "dialect/prompt.hpp"

#include <gtest/gtest.h>

#include "dialect/prompt_testing.hpp"
#include "dialect/request.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace sluice::dialect {
namespace {

using tokens::facts_of;

int64_t chat(std::string_view model, std::string_view members) {
  const std::string body = "{\"model\":\"m\"," + std::string(members) + "}";
  EXPECT_TRUE(json::valid(body)) << body;
  const auto facts = facts_of(model);
  const int64_t count = count_prompt(Endpoint::kChatCompletions, body, facts);
  EXPECT_GE(prompt_bound(Endpoint::kChatCompletions, body, facts), count);
  return count;
}

int64_t messages(std::string_view members, std::string_view model = "claude-sonnet-4-6") {
  const std::string body = "{\"model\":\"m\",\"max_tokens\":1," + std::string(members) + "}";
  EXPECT_TRUE(json::valid(body)) << body;
  const auto facts = facts_of(model);
  const int64_t count = count_prompt(Endpoint::kMessages, body, facts);
  EXPECT_GE(prompt_bound(Endpoint::kMessages, body, facts), count);
  return count;
}

// The example of OpenAI's cookbook, and the prompt_tokens that it says the interface reported.
constexpr std::string_view kJargon = R"("messages":[
  {"role":"system","content":"You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
  {"role":"system","name":"example_user","content":"New synergies will help drive top-line growth."},
  {"role":"system","name":"example_assistant","content":"Things working well together will increase revenue."},
  {"role":"system","name":"example_user","content":"Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
  {"role":"system","name":"example_assistant","content":"Let's talk later when we're less busy about how to do better."},
  {"role":"user","content":"This late pivot means we don't have time to boil the ocean for the client deliverable."}])";

constexpr std::string_view kWeather = R"("messages":[
  {"role":"system","content":"You are a helpful assistant that can answer to questions about the weather."},
  {"role":"user","content":"What's the weather like in San Francisco?"}])";

constexpr std::string_view kWeatherFunction = R"({"name":"get_current_weather",
  "description":"Get the current weather in a given location",
  "parameters":{"type":"object","properties":{
    "location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
    "unit":{"type":"string","description":"The unit of temperature to return","enum":["celsius","fahrenheit"]}},
  "required":["location"]}})";

TEST(Prompt, CountsMessagesAsOpenAiReportsThem) {
  EXPECT_EQ(chat("gpt-4", kJargon), 129);
  EXPECT_EQ(chat("gpt-3.5-turbo", kJargon), 129);
  EXPECT_EQ(chat("gpt-4o", kJargon), 124);
  EXPECT_EQ(chat("gpt-4o-mini", kJargon), 124);
}

TEST(Prompt, CountsToolsAsOpenAiReportsThem) {
  const std::string tools =
      std::string(kWeather) +
      ",\"tools\":[{\"type\":\"function\",\"function\":" + std::string(kWeatherFunction) + "}]";
  EXPECT_EQ(chat("gpt-4", tools), 105);
  EXPECT_EQ(chat("gpt-3.5-turbo", tools), 105);
  EXPECT_EQ(chat("gpt-4o", tools), 101);
  EXPECT_EQ(chat("gpt-4o-mini", tools), 101);
  // The older form of the same.
  EXPECT_EQ(chat("gpt-4o",
                 std::string(kWeather) + ",\"functions\":[" + std::string(kWeatherFunction) + "]"),
            101);
}

TEST(Prompt, CountsAMessageByItsParts) {
  // 3 for the answer; 3, the role and "Hello world" (2) for the message.
  EXPECT_EQ(chat("gpt-4o", R"("messages":[{"role":"user","content":"Hello world"}])"), 9);
  EXPECT_EQ(chat("gpt-4o", R"("messages":[{"content":"Hello world","role":"user"}])"), 9);
  EXPECT_EQ(chat("gpt-4o", R"("messages":[{"role":"user","content":"Hello\u0020w\u006frld"}])"), 9);
  EXPECT_EQ(chat("gpt-4o", R"("messages":[{"role":"user","content":[
                               {"type":"text","text":"Hello"},{"text":" world","type":"text"}]}])"),
            9);
  // A name: itself and one.
  EXPECT_EQ(chat("gpt-4o", R"("messages":[{"role":"user","name":"user","content":"Hello world"}])"),
            11);
  EXPECT_EQ(chat("gpt-4o", R"("messages":[{"role":"user","content":null}])"), 7);
}

TEST(Prompt, CountsCallsAndTheirResults) {
  const int64_t plain = chat("gpt-4o", R"("messages":[{"role":"assistant","content":null}])");
  const int64_t call = chat("gpt-4o", R"("messages":[{"role":"assistant","content":null,
      "tool_calls":[{"id":"call_1","type":"function",
                     "function":{"name":"user","arguments":"Hello world"}}]}])");
  EXPECT_EQ(call, plain + 3 + 1 + 2);
  EXPECT_EQ(
      chat("gpt-4o", R"("messages":[{"role":"tool","tool_call_id":"c","content":"Hello world"}])"),
      9);
}

TEST(Prompt, CountsImagesBySizeAndDetail) {
  const int64_t none = chat("gpt-4o", R"("messages":[{"role":"user","content":[]}])");
  const auto image = [&](std::string_view url, std::string_view detail) {
    return chat(
               "gpt-4o",
               R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":")" +
                   std::string(url) + R"(","detail":")" + std::string(detail) + R"("}}]}])") -
           none;
  };
  constexpr std::string_view kGif320 = "data:image/gif;base64,R0lGODlhQAHIAAAA";
  EXPECT_EQ(image(kGif320, "auto"), 85 + 170);
  EXPECT_EQ(image(kGif320, "low"), 85);
  EXPECT_EQ(image("https://example.com/cat.png", "low"), 85);
  // Of unknown size: the largest, 768 by 2048.
  EXPECT_EQ(image("https://example.com/cat.png", "high"), 85 + 8 * 170);
}

TEST(Prompt, CountsAFormatThatIsAskedFor) {
  const int64_t plain = chat("gpt-4o", kWeather);
  EXPECT_EQ(chat("gpt-4o", std::string(kWeather) + R"(,"response_format":{"type":"json_object"})"),
            plain);
  EXPECT_GT(chat("gpt-4o", std::string(kWeather) + R"(,"response_format":{"type":"json_schema",
      "json_schema":{"name":"x","schema":{"type":"object","properties":{"a":{"type":"string"}}}}})"),
            plain + 10);
}

TEST(Prompt, CountsPromptsInEveryForm) {
  const auto facts = facts_of("gpt-4o");
  const auto completion = [&](std::string_view prompt) {
    const std::string body = "{\"model\":\"m\",\"prompt\":" + std::string(prompt) + "}";
    EXPECT_GE(prompt_bound(Endpoint::kCompletions, body, facts),
              count_prompt(Endpoint::kCompletions, body, facts));
    return count_prompt(Endpoint::kCompletions, body, facts);
  };
  EXPECT_EQ(completion(R"("Once upon a time")"), 4);
  EXPECT_EQ(completion(R"(["Once upon a time","Hello world"])"), 6);
  EXPECT_EQ(completion("[1, 2, 3]"), 3);
  EXPECT_EQ(completion("[[1, 2, 3],[4]]"), 4);
  EXPECT_EQ(completion("[]"), 0);
  EXPECT_EQ(completion("null"), 0);
  EXPECT_EQ(
      count_prompt(Endpoint::kEmbeddings, R"({"model":"m","input":["Hello world",[7,8]]})", facts),
      4);
}

TEST(Prompt, CountsTextAsTiktokenDoesInEveryEncoding) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("model", "m").key("prompt").begin_array();
  for (const char* text :
       {"Straße, naïve café — déjà vu?", "日本語のテキストと中文混排。",
        "const x = { a: [1, 2, 3], b: 'don\\'t' };\n\tif (x) {\n        return;\n    }",
        "👩‍👩‍👧‍👦 🏳️‍🌈 emoji", "   leading and trailing   ",
        "1234567890 3.14159"}) {
    json.string(text);
  }
  json.end_array().end_object();
  struct Golden {
    const char* model;
    int64_t tokens;
  };
  // From the tiktoken package, ordinary encoding.
  for (const Golden& golden : {Golden{"gpt-4o", 87}, Golden{"gpt-4", 100},
                               Golden{"text-davinci-003", 106}, Golden{"davinci", 117}}) {
    EXPECT_EQ(count_prompt(Endpoint::kCompletions, body, facts_of(golden.model)), golden.tokens)
        << golden.model;
  }
}

TEST(Prompt, CountsAnthropicsExamples) {
  EXPECT_EQ(messages(R"("messages":[{"role":"user","content":"Hi"}])"), 8);
  EXPECT_EQ(messages(R"("system":"You are a scientist",
                        "messages":[{"role":"user","content":"Hello, Claude"}])"),
            14);
  EXPECT_EQ(messages(R"("system":[{"type":"text","text":"You are a scientist",
                                   "cache_control":{"type":"ephemeral"}}],
                        "messages":[{"role":"user","content":[{"type":"text","text":"Hello, Claude"}]}])"),
            14);
}

TEST(Prompt, CountsAnthropicsToolsWithTheFrameThatIsDocumented) {
  constexpr std::string_view kTool =
      R"({"name":"get_weather","description":"Get the current weather in a given location","input_schema":{"type":"object","properties":{"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"}},"required":["location"]}})";
  const std::string tool(kTool);
  const std::string_view ask = R"("messages":[{"role":"user","content":"Hi"}],"tools":[)";
  EXPECT_EQ(messages(std::string(ask) + tool + "]"), 8 + 53 + 346);
  EXPECT_EQ(messages(std::string(ask) + tool + R"(],"tool_choice":{"type":"any"})"), 8 + 53 + 313);
  EXPECT_EQ(messages(std::string(ask) + "]"), 8);
  // White space between the parts of a schema is nobody's to pay.
  std::string spread;
  for (const char c : tool) spread += c == '{' ? std::string("{\n    ") : std::string(1, c);
  EXPECT_EQ(messages(std::string(ask) + spread + "]"), 8 + 53 + 346);
}

// The frame is the model's, whatever its client speaks.
TEST(Prompt, CountsTheFrameOfToolsForTheModelsThatHaveIt) {
  constexpr std::string_view kAsk = R"("messages":[{"role":"user","content":"Hi"}])";
  constexpr std::string_view kTools = R"(,"tools":[{"name":"f","input_schema":{}}])";
  constexpr std::string_view kForced = R"(,"tool_choice":{"type":"any"})";
  const std::string with = std::string(kAsk) + std::string(kTools);
  for (const char* model : {"gpt-4o", "gemini-2.5-pro"}) {
    EXPECT_LT(messages(with, model) - messages(kAsk, model), 30) << model;
    EXPECT_EQ(messages(with + std::string(kForced), model), messages(with, model)) << model;
  }
  for (const char* model : {"claude-sonnet-4-6", "unknown"}) {
    EXPECT_GE(messages(with, model) - messages(kAsk, model), 346) << model;
  }
  constexpr std::string_view kFunctions = R"(,"tools":[{"type":"function","name":"f"}])";
  const std::string functions = std::string(kAsk) + std::string(kFunctions);
  const int64_t own = chat("gemini-2.5-pro", functions);
  EXPECT_EQ(chat("claude-sonnet-4-6", functions), own + 346);
  EXPECT_EQ(chat("claude-sonnet-4-6", functions + R"(,"tool_choice":"auto")"), own + 346);
  EXPECT_EQ(chat("claude-sonnet-4-6", functions + R"(,"tool_choice":"required")"), own + 313);
  EXPECT_EQ(chat("claude-sonnet-4-6", std::string(kAsk) + R"(,"tools":[])"),
            chat("claude-sonnet-4-6", kAsk));
}

TEST(Prompt, CountsThoughtsUntilTheUserSpeaksAgain) {
  constexpr std::string_view kThought =
      R"({"role":"assistant","content":[{"type":"thinking","thinking":"Once upon a time","signature":"x"},
          {"type":"tool_use","id":"t","name":"user","input":{}}]})";
  constexpr std::string_view kResult =
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"Hi"}]})";
  constexpr std::string_view kSpeech = R"({"role":"user","content":"Hi"})";
  const auto all = [&](std::initializer_list<std::string_view> each) {
    std::string list;
    for (const std::string_view one : each) list.append(list.empty() ? "" : ",").append(one);
    return messages("\"messages\":[" + list + "]");
  };
  const int64_t speech = 5;
  EXPECT_EQ(all({kSpeech, kThought, kResult, kSpeech}),
            all({kSpeech, kThought, kResult}) + speech - 4);
}

TEST(Prompt, CountsAnthropicsImagesAndDocuments) {
  const auto block = [&](std::string_view json) {
    return messages("\"messages\":[{\"role\":\"user\",\"content\":[" + std::string(json) + "]}]") -
           7;
  };
  EXPECT_EQ(
      block(
          R"({"type":"image","source":{"type":"base64","media_type":"image/gif","data":"R0lGODlhQAHIAAAA"}})"),
      86);  // 320 * 200 / 750
  EXPECT_EQ(block(R"({"source":{"type":"url","url":"https://example.com/a.png"},"type":"image"})"),
            1600);
  EXPECT_EQ(
      block(
          R"({"type":"document","source":{"type":"text","media_type":"text/plain","data":"Once upon a time"}})"),
      4);
  EXPECT_EQ(
      block(
          R"({"type":"document","title":"Hi","source":{"type":"content","content":[{"type":"text","text":"Once upon a time"}]}})"),
      5);
  EXPECT_EQ(
      block(R"({"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}})"),
      3000);
  const std::string pdf(400'000, 'A');
  EXPECT_EQ(block(R"({"type":"document","source":{"type":"base64","data":")" + pdf + R"("}})"),
            15'000);
}

TEST(Prompt, CountsResponses) {
  const auto facts = facts_of("gpt-4o");
  const auto count = [&](std::string_view members) {
    return count_prompt(Endpoint::kResponses, "{\"model\":\"m\"," + std::string(members) + "}",
                        facts);
  };
  EXPECT_EQ(count(R"("input":"Hello world")"), 9);
  EXPECT_EQ(count(R"("input":[{"role":"user","content":"Hello world"}])"), 9);
  EXPECT_EQ(count(R"("input":[{"type":"message","role":"user","content":[
                     {"type":"input_text","text":"Hello world"}]}])"),
            9);
  EXPECT_EQ(count(R"("instructions":"Once upon a time","input":"Hello world")"), 9 + 3 + 1 + 4);
  const std::string flat = R"({"type":"function",)" + std::string(kWeatherFunction.substr(1));
  EXPECT_EQ(count("\"instructions\":\"You are a helpful assistant that can answer to questions "
                  "about the weather.\","
                  "\"input\":\"What's the weather like in San Francisco?\",\"tools\":[" +
                  flat + "]"),
            101);
  EXPECT_EQ(count(R"("input":[{"role":"user","content":[{"type":"input_image","detail":"low",
                     "image_url":"https://example.com/cat.png"}]}])"),
            7 + 85);
}

TEST(Prompt, GivesEveryBodyABoundThatIsNotBelowItsCount) {
  testing::Bodies bodies(20'261'121);
  const tokens::ModelFacts models[] = {facts_of("gpt-4o"), facts_of("gpt-4"), facts_of("davinci"),
                                       facts_of("claude-sonnet-4-6"), facts_of("qwen")};
  size_t understood = 0;
  for (int i = 0; i < 2'000; ++i) {
    const auto endpoint = static_cast<Endpoint>(i % 4);
    const std::string body = bodies.body(endpoint);
    if (!understand(endpoint, body)) continue;
    ++understood;
    const auto& model = models[i / 4 % std::size(models)];
    const int64_t count = count_prompt(endpoint, body, model);
    const int64_t bound = prompt_bound(endpoint, body, model);
    ASSERT_GE(count, 0) << body;
    ASSERT_GE(bound, count) << body;
  }
  EXPECT_GT(understood, 1'200u);
}

TEST(Prompt, IsBoundedByItsBytesAndNotMore) {
  const std::string text(10'000, 'x');
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":")" + text + R"("}]})";
  EXPECT_LE(prompt_bound(Endpoint::kChatCompletions, body, facts_of("gpt-4o")), 10'010);
}

TEST(Prompt, IsReadInOnePassHoweverDeepItIs) {
  // Nested as deep as bodies may be, and long: what is quadratic would take minutes.
  for (const std::string_view opening :
       {R"({"type":"tool_result","content":[)", R"({"source":{"content":[)"}) {
    const bool source = opening.starts_with(R"({"source)");
    std::string body = R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[)";
    const int depth = source ? 40 : 60;
    for (int i = 0; i < depth; ++i) body += opening;
    body += R"({"type":"text","text":")" + std::string(1 << 20, ' ') + "\"}";
    for (int i = 0; i < depth; ++i) body += source ? "]}}" : "]}";
    body += "]}]}";
    ASSERT_TRUE(understand(Endpoint::kMessages, body));
    EXPECT_GT(prompt_bound(Endpoint::kMessages, body, facts_of("claude-sonnet-4-6")), 1 << 20);
  }
  std::string schema = R"({"type":"string"})";
  for (int i = 0; i < 50; ++i) schema = R"({"type":"object","properties":{"a":)" + schema + "}}";
  EXPECT_GT(chat("gpt-4o", std::string(kWeather) + R"(,"functions":[{"name":"f","parameters":)" +
                               schema + "}]"),
            0);
}

}  // namespace
}  // namespace sluice::dialect
