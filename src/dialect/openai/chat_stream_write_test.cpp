#include "dialect/openai/chat_stream_write.hpp"

#include <gtest/gtest.h>

#include "dialect/chat/stream_testing.hpp"

namespace sluice::dialect::openai {
namespace {

constexpr std::string_view kStart =
    R"(data: {"type":"message_start","message":{"id":"msg_1","model":"m","content":[]}})"
    "\n\n";
constexpr std::string_view kEnd =
    R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}})"
    "\n\n"
    "data: {\"type\":\"message_stop\"}\n\n";

std::string start_of(std::string_view block) {
  return R"(data: {"type":"content_block_start","index":0,"content_block":)" + std::string(block) +
         "}\n\n";
}

std::string signature_of(size_t size) {
  std::string data =
      R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":")";
  data.append(size, 'x');
  return data + "\"}}\n\n";
}

std::string converted(const std::string& blocks) {
  const chat::AnswerPlan plan;
  chat::StreamConverter converter(Endpoint::kMessages, Endpoint::kChatCompletions, plan, {});
  const std::string stream = std::string(kStart) + blocks + std::string(kEnd);
  return chat::testing::convert_streams(converter, {stream}, [] { return 1 << 16; }).client;
}

/// A signature is kept until its block ends; not without end, and never handed out in part.
TEST(ChatStreamWriter, KeepsNoMoreOfASignatureThanIsReasonable) {
  constexpr std::string_view kStop = "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
  const std::string thinking = start_of(R"({"type":"thinking","thinking":"a","signature":""})");
  const std::string small = converted(thinking + signature_of(1000) + std::string(kStop));
  EXPECT_TRUE(small.contains("thinking_blocks"));
  std::string endless = thinking;
  for (int i = 0; i < 8; ++i) endless += signature_of(1 << 19);
  const std::string large = converted(endless + std::string(kStop));
  EXPECT_FALSE(large.contains("thinking_blocks"));
  EXPECT_LT(large.size(), 4096U);
  EXPECT_TRUE(large.ends_with("data: [DONE]\n\n"));
}

}  // namespace
}  // namespace sluice::dialect::openai
