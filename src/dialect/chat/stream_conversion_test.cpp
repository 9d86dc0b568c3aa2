// Every stream in stream_testdata/, as its file says. SLUICE_UPDATE=1 writes the files anew.
//
//   {"from":"openai","client":"anthropic","plan":{...}}
//                                    the dialects and what is set, on one line; "whole":false where
//                                    the upstream's events gathered are not what it would answer
//                                    unstreamed
//   --- upstream                     the upstream's stream; again, where it has more than one
//   --- client                       what the client gets
//   --- verdicts                     what each event of the upstream is found to be
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "dialect/chat/answer_gatherer.hpp"
#include "dialect/chat/conversion_testing.hpp"
#include "dialect/chat/conversions.hpp"
#include "dialect/chat/names.hpp"
#include "dialect/chat/stream_gathering.hpp"
#include "dialect/chat/stream_order_testing.hpp"
#include "dialect/chat/stream_testing.hpp"

namespace sluice::dialect::chat {
namespace {

using json::Value;
namespace fs = std::filesystem;
constexpr std::string_view kUpstream = "--- upstream\n";
constexpr std::string_view kClient = "--- client\n";
constexpr std::string_view kVerdicts = "--- verdicts\n";

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Case {
  std::string head;
  std::vector<std::string> upstream;
  std::string client;
  std::string verdicts;
  Endpoint endpoint = Endpoint::kChatCompletions;
  Endpoint client_endpoint = Endpoint::kMessages;
  bool whole = true;
  AnswerPlan plan;
  StreamOptions options{.request_id = "req_1"};

  explicit Case(std::string_view file) {
    const size_t client_at = file.find(kClient);
    const std::string_view before = file.substr(0, client_at);
    size_t at = before.find(kUpstream);
    head = before.substr(0, at);
    while (at != std::string_view::npos) {
      const size_t begin = at + kUpstream.size();
      at = before.find(kUpstream, begin);
      upstream.emplace_back(before.substr(begin, at == std::string_view::npos ? at : at - begin));
    }
    if (client_at != std::string_view::npos) {
      const std::string_view after = file.substr(client_at + kClient.size());
      const size_t verdicts_at = after.find(kVerdicts);
      client = after.substr(0, verdicts_at);
      verdicts =
          after.substr(std::min(verdicts_at, after.size() - kVerdicts.size()) + kVerdicts.size());
    }
    read_head();
  }

  void read_head() {
    EXPECT_TRUE(json::valid(head)) << head;
    const Value given(head);
    endpoint = testing::endpoint_named(given["from"]);
    client_endpoint = testing::endpoint_named(given["client"], testing::counterpart(endpoint));
    whole = given["whole"].as_bool().value_or(true);
    options.input_estimate = given["input_estimate"].as_int().value_or(0);
    options.end_without_finish = given["end_without_finish"].as_bool().value_or(false);
    const Value set = given["plan"];
    plan.created = 1'700'000'000;
    plan.model = set["model"].as_string().value_or("");
    plan.include_usage = set["include_usage"].as_bool().value_or(false);
    plan.expose_reasoning = set["expose_reasoning"].as_bool().value_or(true);
    plan.shows_thinking = set["shows_thinking"].as_bool().value_or(false);
    plan.legacy_functions = set["legacy_functions"].as_bool().value_or(false);
    plan.provider = set["provider"].as_string().value_or("");
    plan.signature_key = Secret(set["signature_key"].as_string().value_or(""));
    const std::string json = set["json"].as_string().value_or("");
    if (json == "forced_tool") plan.json = JsonOutput::kForcedTool;
    if (json == "instruction") plan.json = JsonOutput::kInstruction;
    json::Elements stops(set["stop_scan"]);
    for (Value stop; stops.next(stop);) plan.stop_scan.push_back(*stop.as_string());
    json::Elements names(set["tool_names"]);
    Arena arena;
    for (Value name; names.next(name);) {
      plan.tool_names.clean(as_text(name), kMaxToolName, arena);
    }
  }

  testing::Converted run(const std::vector<std::string>& streams, size_t piece) const {
    StreamConverter converter(endpoint, client_endpoint, plan, options);
    return testing::convert_streams(converter, streams, [piece] { return piece; });
  }
};

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& entry :
       fs::directory_iterator(fs::path(__FILE__).parent_path() / "stream_testdata")) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

class StreamConversion : public ::testing::TestWithParam<std::string> {
 protected:
  fs::path path_ = fs::path(__FILE__).parent_path() / "stream_testdata" / (GetParam() + ".txt");
  Case case_{read_file(path_)};
};

TEST_P(StreamConversion, IsAsWrittenDown) {
  const testing::Converted actual = case_.run(case_.upstream, SIZE_MAX);
  if (std::getenv("SLUICE_UPDATE") != nullptr) {
    std::ofstream out(path_, std::ios::binary);
    out << case_.head;
    for (const std::string& stream : case_.upstream) out << kUpstream << stream;
    out << kClient << actual.client << kVerdicts << actual.verdicts << '\n';
    return;
  }
  EXPECT_EQ(actual.client, case_.client) << "SLUICE_UPDATE=1 writes " << path_ << " anew";
  EXPECT_EQ(actual.verdicts + '\n', case_.verdicts);
}

TEST_P(StreamConversion, IsTheSameForEverySplit) {
  const testing::Converted whole = case_.run(case_.upstream, SIZE_MAX);
  for (const size_t piece : {1, 2, 7, 64}) {
    const testing::Converted split = case_.run(case_.upstream, piece);
    EXPECT_EQ(split.client, whole.client) << piece;
    EXPECT_EQ(split.verdicts, whole.verdicts) << piece;
  }
}

TEST_P(StreamConversion, IsTheSameForEveryFormOfTheLines) {
  const testing::Converted plain = case_.run(case_.upstream, SIZE_MAX);
  std::vector<std::string> streams;
  for (const std::string& stream : case_.upstream) {
    std::string& other = streams.emplace_back("\xEF\xBB\xBF");
    for (size_t i = 0; i < stream.size(); ++i) {
      if (stream[i] == '\n') other += '\r';
      if (stream[i] == ' ' && other.ends_with("data:")) continue;
      other += stream[i];
    }
  }
  EXPECT_EQ(case_.run(streams, 1).client, plain.client);
}

/// Frames are whole, and what ends the stream stands once, at its end.
TEST_P(StreamConversion, IsWellFormed) {
  const std::string client = case_.run(case_.upstream, SIZE_MAX).client;
  http::SseReader reader;
  reader.feed(client);
  std::string last;
  bool ended = false;
  while (const auto event = reader.next()) {
    if (!event->has_data) continue;
    EXPECT_FALSE(ended);
    last = event->data;
    EXPECT_TRUE(last == "[DONE]" || json::valid(last)) << last;
    const bool error = Value(last)["error"].exists();
    if (case_.client_endpoint == Endpoint::kChatCompletions) {
      EXPECT_TRUE(event->event.empty());
      if (last != "[DONE]" && !error) EXPECT_TRUE(Value(last)["choices"].exists()) << last;
    } else {
      EXPECT_EQ(event->event, Value(last)["type"].as_string());
    }
    ended = testing::ends_stream(case_.client_endpoint, *event);
  }
  EXPECT_TRUE(ended) << client;
  EXPECT_EQ(reader.remainder(), "");
}

/// Clients put an answer together by the order of its events, and more than one counts on it.
// Pitfalls 6, 7 of src/dialect/chat/testdata/README.md.
TEST_P(StreamConversion, IsInOrder) {
  http::SseReader reader;
  const std::string client = case_.run(case_.upstream, SIZE_MAX).client;
  reader.feed(client);
  testing::MessageOrder messages;
  testing::ChatOrder chats;
  while (const auto event = reader.next()) {
    if (!event->has_data) continue;
    if (case_.client_endpoint == Endpoint::kMessages) {
      EXPECT_EQ(messages.check(*event), "") << event->data;
    } else if (case_.client_endpoint == Endpoint::kChatCompletions) {
      EXPECT_EQ(chats.check(*event), "") << event->data;
    }
  }
}

/// What a client makes of an answer, whatever way it came.
std::string summary(Result<Answer> answer) {
  if (!answer) return "no answer";
  std::string text;
  std::string thinking;
  std::string calls;
  for (const Block& block : answer->blocks) {
    if (block.kind == BlockKind::kText) block.text.append_to(text);
    if (block.kind == BlockKind::kThinking) block.text.append_to(thinking);
    if (block.kind != BlockKind::kToolUse) continue;
    calls += "\ncall " + block.id.str() + ' ' + block.name.str() + ' ';
    append_compact(calls, block.input.raw());
  }
  const TokenCounts& counts = answer->usage.counts;
  return fmt::format("{} {}\ntext {}\nthinking {}{}\nusage {} {} {} {} {}", answer->id.str(),
                     to_string(answer->stop.reason), text, thinking, calls, counts.input,
                     counts.cache_read, counts.cache_write, counts.output, counts.reasoning);
}

/// Gathered by the client, the stream is the answer that it would have got unstreamed.
TEST_P(StreamConversion, IsWhatTheWholeAnswerIs) {
  case_.options.input_estimate = 0;
  case_.plan.include_usage = true;
  const testing::Converted streamed = case_.run(case_.upstream, SIZE_MAX);
  const std::string_view verdicts = streamed.verdicts;
  // An error, two streams in one, a stop sequence.
  const bool cut = !case_.plan.stop_scan.empty() && verdicts.contains("ct");
  if (verdicts.contains('e') || case_.upstream.size() > 1 || cut || !case_.whole) return;
  const std::string body = testing::gather(case_.endpoint, case_.upstream[0]);
  ASSERT_TRUE(json::valid(body)) << body;
  auto answer = parse_answer(case_.endpoint, body, case_.plan);
  ASSERT_TRUE(answer.has_value()) << body;
  const std::string whole = write_answer(case_.client_endpoint, *answer, case_.plan);
  const std::string gathered = testing::gather(case_.client_endpoint, streamed.client);
  ASSERT_TRUE(json::valid(gathered)) << gathered;
  const auto read = [&](const std::string& client) {
    return summary(parse_answer(case_.client_endpoint, client, case_.plan));
  };
  EXPECT_EQ(read(gathered), read(whole));

  // And so when the gateway gathers it, for a client that wanted no stream.
  auto unasked = gather_answer(case_.endpoint, case_.upstream[0], case_.plan,
                               case_.options.end_without_finish);
  ASSERT_TRUE(unasked.has_value()) << unasked.error().message;
  EXPECT_EQ(read(write_answer(case_.client_endpoint, *unasked, case_.plan)), read(whole));
}

INSTANTIATE_TEST_SUITE_P(Vectors, StreamConversion, ::testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

std::string arguments_chunk(std::string_view begin, size_t size) {
  std::string data = R"(data: {"id":"c","choices":[{"index":0,"delta":{"tool_calls":[)";
  data += begin;
  data += R"("arguments":")";
  data.append(size, 'x');
  return data + "\"}}]}}]}\n\n";
}

TEST(StreamConverter, TakesLongArguments) {
  const size_t long_size = 2 * 1024 * 1024;
  std::string stream = arguments_chunk(R"({"index":0,"id":"a","function":{"name":"f",)", 0);
  const std::string piece = R"({"index":0,"function":{)";
  stream += R"(data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":)"
            R"("{\"x\":\""}}]}}]})"
            "\n\n";
  stream += arguments_chunk(piece, long_size);
  stream += R"(data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":)"
            R"("\"}"}}]},"finish_reason":"tool_calls"}]})"
            "\n\ndata: [DONE]\n\n";
  const AnswerPlan plan;
  StreamConverter converter(Endpoint::kChatCompletions, Endpoint::kMessages, plan, {});
  const auto converted = testing::convert_streams(converter, {stream}, [] { return 4096; });
  EXPECT_EQ(converted.verdicts, "c c c cf t");
  const std::string body = testing::gather_message(converted.client);
  auto answer = parse_answer(Endpoint::kMessages, body, plan);
  ASSERT_TRUE(answer.has_value());
  ASSERT_EQ(answer->blocks.size(), 1u);
  EXPECT_EQ(answer->blocks[0].input.raw().size(), long_size + 8);
}

/// A call that is never whole makes others wait for it; not without end.
TEST(StreamConverter, KeepsNoMoreThanIsReasonable) {
  std::string stream = R"(data: {"id":"c","choices":[{"delta":{"tool_calls":[)"
                       R"({"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}}]})"
                       "\n\n";
  for (int i = 0; i < 17; ++i) {
    stream += arguments_chunk(R"({"index":1,"id":"b","function":{"name":"g",)", 1024 * 1024);
  }
  const AnswerPlan plan;
  StreamConverter converter(Endpoint::kChatCompletions, Endpoint::kMessages, plan, {});
  const auto converted = testing::convert_streams(converter, {stream}, [] { return 1 << 16; });
  EXPECT_TRUE(converted.verdicts.contains('e')) << converted.verdicts;
  EXPECT_EQ(converter.failure().error.code, ErrorCode::kUpstreamError);
}

TEST(StreamConverter, DoesNotShowAnAnswerAsWholeWhoseLastCallsItCouldNotKeep) {
  const auto chat = [](int index) {
    return fmt::format(
        R"(data: {{"id":"c","choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{0},"id":"a{0}",)"
        R"("function":{{"name":"f","arguments":"{{}}"}}}}]}}}}]}})",
        index);
  };
  const auto responses = [](int index) {
    return fmt::format(
        R"(data: {{"type":"response.output_item.done","output_index":{0},"item":)"
        R"({{"type":"function_call","call_id":"a{0}","name":"f","arguments":"{{}}"}}}})",
        index);
  };
  const auto gemini = [](int index) {
    return fmt::format(R"(data: {{"candidates":[{{"content":{{"parts":[{{"functionCall":{{"id":)"
                       R"("a{}","name":"f","args":{{}}}}}}]}}}}]}})",
                       index);
  };
  struct Row {
    Endpoint upstream;
    std::function<std::string(int)> call;
    std::string_view end;
  };
  for (const Row& row : {
           Row{Endpoint::kChatCompletions, chat,
               R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})"},
           Row{Endpoint::kResponses, responses,
               R"(data: {"type":"response.completed","response":{"status":"completed"}})"},
           Row{Endpoint::kGenerateContent, gemini,
               R"(data: {"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]})"},
       }) {
    for (const int count : {4'000, 4'200}) {
      std::string stream;
      for (int i = 0; i < count; ++i) stream += row.call(i) + "\n\n";
      stream += std::string(row.end) + "\n\n";
      if (row.upstream == Endpoint::kChatCompletions) stream += "data: [DONE]\n\n";
      const AnswerPlan plan;
      StreamConverter converter(row.upstream, Endpoint::kMessages, plan, {});
      const auto converted = testing::convert_streams(converter, {stream}, [] { return 1 << 16; });
      const bool kept = count == 4'000;
      EXPECT_EQ(converted.client.contains("event: message_stop"), kept) << to_string(row.upstream);
      EXPECT_EQ(converted.client.contains("event: error"), !kept) << to_string(row.upstream);
    }
  }
}

TEST(StreamOrder, IsFoundWrong) {
  const auto message = [](const std::vector<std::string_view>& events) {
    testing::MessageOrder order;
    std::string found;
    for (const std::string_view data : events) {
      const std::string type = Value(data)["type"].as_string().value_or("");
      found = order.check({.raw = {}, .event = type, .data = data, .id = {}, .has_data = true});
    }
    return found;
  };
  constexpr std::string_view kStart =
      R"({"type":"message_start","message":{"usage":{"input_tokens":1}}})";
  constexpr std::string_view kFirst = R"({"type":"content_block_start","index":0})";
  constexpr std::string_view kSecond = R"({"type":"content_block_start","index":1})";
  constexpr std::string_view kEnd = R"({"type":"message_delta","usage":{"output_tokens":1}})";
  EXPECT_EQ(message({kStart, kFirst, kSecond}), "a block begins inside another");
  EXPECT_EQ(message({kStart, kSecond}), "block 1 after -1");
  EXPECT_EQ(message({kStart, kFirst, kEnd}), "inside a block");
  EXPECT_EQ(message({kStart, kEnd, kEnd}), "a second message_delta");
  EXPECT_EQ(message({kStart, kStart}), "a second message_start");

  const auto chat = [](const std::vector<std::string_view>& events) {
    testing::ChatOrder order;
    std::string found;
    for (const std::string_view data : events) {
      found = order.check({.raw = {}, .event = {}, .data = data, .id = {}, .has_data = true});
    }
    return found;
  };
  constexpr std::string_view kRole = R"({"choices":[{"delta":{"role":"assistant"}}]})";
  constexpr std::string_view kStop = R"({"choices":[{"delta":{},"finish_reason":"stop"}]})";
  EXPECT_EQ(chat({kStop}), "no role");
  EXPECT_EQ(chat({kRole, "[DONE]"}), "no finish_reason");
  EXPECT_EQ(chat({kRole, kStop, kStop}), "a choice after the end");
  EXPECT_EQ(chat({kRole, R"({"choices":[],"usage":{"prompt_tokens":1}})"}), "usage before the end");
  EXPECT_EQ(chat({kRole, R"({"choices":[{"delta":{"tool_calls":[{"index":1}]}}]})"}),
            "call 1 after 0");
  EXPECT_EQ(chat({kRole, R"({"choices":[{"delta":{"tool_calls":[{"index":0}]}}]})"}),
            "a call that does not say what it is");
}

TEST(StreamConverter, IsSmall) { EXPECT_LE(sizeof(StreamConverter), 600u); }

}  // namespace
}  // namespace sluice::dialect::chat
