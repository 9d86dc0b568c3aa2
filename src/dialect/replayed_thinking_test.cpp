#include "dialect/replayed_thinking.hpp"

#include <gtest/gtest.h>

#include "dialect/request.hpp"

namespace sluice::dialect {
namespace {

// A client that has changed models in the middle of a conversation replays all that it was told.
// Pitfall 13 of src/dialect/chat/testdata/README.md.
TEST(ReplayedThinking, OfOtherModelsIsNotSentToClaude) {
  const std::string_view body =
      R"({ "model":"m","max_tokens":9, "messages":[ {"role":"user","content":"gwsig1."},
 {"role":"assistant","content":[ {"type":"thinking","thinking":"a","signature":"gwsig1.gpt.e30.x"}]},
 {"role":"assistant","x":1.0,"content":[{"type":"thinking","thinking":"b","signature":"EqQB"} , {"type":"thinking","thinking":"c","signature":"gwsig1.gpt..x"}, {"type":"text","text":"gwsig1.gpt"}],"y":2}
 ] ,"stream":true})";
  EXPECT_EQ(
      without_foreign_thinking(Endpoint::kMessages, body),
      R"({ "model":"m","max_tokens":9, "messages":[{"role":"user","content":"gwsig1."},)"
      R"({"role":"assistant","x":1.0,"content":[{"type":"thinking","thinking":"b","signature":"EqQB"},)"
      R"({"type":"text","text":"gwsig1.gpt"}],"y":2}] ,"stream":true})");

  auto request = understand(Endpoint::kMessages, std::string(body));
  ASSERT_TRUE(request.has_value());
  std::string storage;
  const std::string_view sent = upstream_body(*request, {.model = "claude"}, storage);
  EXPECT_TRUE(sent.contains(R"("model":"claude")") && !sent.contains("gwsig1.gpt.")) << sent;
}

TEST(ReplayedThinking, OfOtherModelsIsNotSentToOpenAi) {
  const std::string_view body =
      R"({"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"gwsig1.an.e30.x"},)"
      R"( {"type":"reasoning","summary":[],"encrypted_content":"gAAAA"},{"role":"user","content":"x"}]})";
  EXPECT_EQ(
      without_foreign_thinking(Endpoint::kResponses, body),
      R"({"model":"m","input":[{"type":"reasoning","summary":[],"encrypted_content":"gAAAA"},)"
      R"({"role":"user","content":"x"}]})");
}

TEST(ReplayedThinking, OfTheModelItselfPassesByteByByte) {
  const std::string_view bodies[] = {
      R"({"messages":[{"role":"assistant","content":[{"type":"thinking","signature":"EqQB"}]}]})",
      R"({"messages":[ {"role":"user","content":[{"type":"text","text":"gwsig1."}]} ]})",
      R"({"messages":[{"role":"user","content":"gwsig1."}]})",
      R"({"messages":"gwsig1.","input":["gwsig1.",{"type":"reasoning"}]})",
      R"(["gwsig1."])",
      // Nothing would be left to ask.
      R"({"messages":[{"role":"assistant","content":[{"type":"thinking","signature":"gwsig1.a.b.c"}]}]})",
  };
  for (const std::string_view body : bodies) {
    EXPECT_EQ(without_foreign_thinking(Endpoint::kMessages, body), "") << body;
    EXPECT_EQ(without_foreign_thinking(Endpoint::kResponses, body), "") << body;
    EXPECT_EQ(without_foreign_thinking(Endpoint::kChatCompletions, body), "") << body;
  }
}

}  // namespace
}  // namespace sluice::dialect
