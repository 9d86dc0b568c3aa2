#include "dialect/session.hpp"

#include <gtest/gtest.h>

namespace sluice::dialect {
namespace {

constexpr auto kChat = Endpoint::kChatCompletions;
constexpr auto kMessages = Endpoint::kMessages;

uint64_t of(Endpoint endpoint, std::string_view body, std::string_view header = {}) {
  return session_of(endpoint, body, header).value_or(0);
}

TEST(Session, StaysWhileTheConversationGrows) {
  EXPECT_EQ(of(kChat, R"({"model":"m","messages":[{"role":"system","content":"s"},)"
                      R"({"role":"user","content":"hi"}]})"),
            of(kChat, R"({"messages":[{"role":"system","content":"s"},)"
                      R"({"role":"user","content":"hi"},{"role":"assistant","content":"a"},)"
                      R"({"role":"user","content":"more"}],"model":"other"})"));
  // Claude's clients move their breakpoints on with every turn.
  EXPECT_EQ(
      of(kMessages, R"({"system":"s","messages":[{"role":"user","content":[)"
                    R"({"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]})"),
      of(kMessages, R"({"system":"s","messages":[{"role":"user","content":[)"
                    R"({"type":"text","text":"hi"}]},{"role":"assistant","content":"a"}]})"));
}

TEST(Session, IsAnotherForOtherWordsOrInstructions) {
  const uint64_t one =
      of(kMessages, R"({"system":"s","messages":[{"role":"user","content":"a"}]})");
  EXPECT_NE(one, of(kMessages, R"({"system":"s","messages":[{"role":"user","content":"b"}]})"));
  EXPECT_NE(one, of(kMessages, R"({"system":"t","messages":[{"role":"user","content":"a"}]})"));
  EXPECT_NE(of(Endpoint::kResponses, R"({"instructions":"s","input":"a"})"),
            of(Endpoint::kResponses, R"({"instructions":"s","input":"b"})"));
}

TEST(Session, IsWhatTheClientNamesItBy) {
  const std::string_view a = R"({"prompt_cache_key":"k","user":"u","messages":[]})";
  const std::string_view b = R"({"prompt_cache_key":"k","user":"v","messages":[1]})";
  EXPECT_EQ(of(kChat, a), of(kChat, b));
  EXPECT_NE(of(kChat, a), of(kChat, R"({"prompt_cache_key":"l","user":"u","messages":[]})"));
  EXPECT_EQ(of(kMessages, R"({"metadata":{"user_id":"u"},"system":"s"})"),
            of(kMessages, R"({"system":"t","metadata":{"user_id":"u"}})"));
  EXPECT_EQ(of(kChat, R"({"safety_identifier":"x","user":"u"})"),
            of(kChat, R"({"user":"v","safety_identifier":"x"})"));
  // An empty name is none.
  EXPECT_NE(of(kChat, R"({"user":"","messages":[{"role":"user","content":"a"}]})"),
            of(kChat, R"({"user":"","messages":[{"role":"user","content":"b"}]})"));
  // The header goes before all of them.
  EXPECT_EQ(of(kChat, a, "session"), of(kChat, R"({"user":"v"})", "session"));
  EXPECT_NE(of(kChat, a, "session"), of(kChat, a, "other"));
}

TEST(Session, IsNoneWhereThereIsNoConversation) {
  EXPECT_FALSE(session_of(Endpoint::kEmbeddings, R"({"input":"a","user":"u"})", "session"));
}

TEST(Session, GoesOnOnceTheModelHasSpokenOrTheClientNamesIt) {
  const std::string_view first = R"({"messages":[{"role":"system","content":"s"},)"
                                 R"({"role":"user","content":"assistant"}],"user":"u"})";
  const std::string_view second = R"({"messages":[{"role":"user","content":"a"},)"
                                  R"({"role":"assistant","content":"b"},{"role":"user"}]})";
  for (const Endpoint endpoint : {kChat, kMessages}) {
    EXPECT_FALSE(goes_on(endpoint, first, {}));
    EXPECT_TRUE(goes_on(endpoint, second, {}));
    EXPECT_TRUE(goes_on(endpoint, first, "session"));
  }
  EXPECT_TRUE(goes_on(kChat, R"({"prompt_cache_key":"k","messages":[]})", {}));
  EXPECT_FALSE(goes_on(Endpoint::kResponses, R"({"input":"a"})", {}));
  EXPECT_FALSE(goes_on(Endpoint::kResponses, R"({"input":[{"role":"user","content":"a"}]})", {}));
  EXPECT_TRUE(goes_on(Endpoint::kResponses,
                      R"({"input":[{"role":"user","content":"a"},{"role":"assistant"}]})", {}));
  EXPECT_FALSE(goes_on(Endpoint::kEmbeddings, second, "session"));
}

}  // namespace
}  // namespace sluice::dialect
