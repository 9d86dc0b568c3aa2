#include "dialect/chat/told_capabilities.hpp"

#include <gtest/gtest.h>

namespace sluice::dialect::chat {
namespace {

constexpr std::string_view kClaude = R"({"type":"model","id":"claude-next-1","max_tokens":99000,
  "max_input_tokens":1000000,"display_name":"Claude Next","created_at":"2026-02-17T00:00:00Z",
  "capabilities":{"batch":{"supported":true},
    "effort":{"supported":true,"low":{"supported":true},"medium":{"supported":false},
              "high":{"supported":true},"max":{"supported":true},"xhigh":null},
    "image_input":{"supported":true},"pdf_input":{"supported":false},
    "structured_outputs":{"supported":true},
    "thinking":{"supported":true,"types":{"adaptive":{"supported":true},
      "between_tools":{"supported":false},"disabled":{"supported":true},
      "enabled":{"supported":false}}}}})";

ToldCapabilities told(std::string_view entry) { return read_told_capabilities(json::Value(entry)); }

TEST(ToldCapabilities, AreReadFromAnthropicsList) {
  Capabilities model;
  model.enabled = model.pdf_in = model.prefill = true;
  told(kClaude).apply(model);
  EXPECT_EQ(model.max_output, 99'000);
  EXPECT_EQ(model.context_window, 1'000'000);
  EXPECT_TRUE(model.adaptive);
  EXPECT_TRUE(model.disabled);
  EXPECT_FALSE(model.enabled);
  EXPECT_FALSE(model.between_tools);
  EXPECT_TRUE(model.takes(Effort::kLow));
  EXPECT_FALSE(model.takes(Effort::kMedium));
  EXPECT_FALSE(model.takes(Effort::kXhigh));
  EXPECT_TRUE(model.takes(Effort::kMax));
  EXPECT_TRUE(model.structured_outputs);
  EXPECT_TRUE(model.strict_tools);
  EXPECT_TRUE(model.image_in);
  EXPECT_FALSE(model.pdf_in);
  EXPECT_TRUE(model.prefill);  // of which the list does not tell
}

TEST(ToldCapabilities, AreReadFromGooglesList) {
  Capabilities model;
  model.budget_max = 24'576;
  model.efforts.set(static_cast<size_t>(Effort::kLow));
  told(R"({"name":"models/g","inputTokenLimit":32768,"outputTokenLimit":8192,"thinking":true})")
      .apply(model);
  EXPECT_EQ(model.context_window, 32'768);
  EXPECT_EQ(model.max_output, 8'192);
  EXPECT_EQ(model.budget_max, 24'576);
  told(R"({"name":"models/g","thinking":false})").apply(model);
  EXPECT_EQ(model.context_window, 32'768);
  EXPECT_EQ(model.budget_max, 0);
  EXPECT_TRUE(model.efforts.none());
}

TEST(ToldCapabilities, AreReadFromServersOfOpenAisShape) {
  EXPECT_EQ(told(R"({"id":"qwen","object":"model","max_model_len":40960})").context_window, 40'960);
  EXPECT_EQ(told(R"({"id":"gpt-4o","object":"model","created":1})"), ToldCapabilities());
}

TEST(ToldCapabilities, TellNothingWhereTheyAreWrong) {
  for (const std::string_view entry : {
           R"({"max_tokens":-1,"max_input_tokens":"many","capabilities":null})",
           R"({"max_tokens":0,"max_input_tokens":9000000000000000000,"capabilities":[]})",
           R"({"max_tokens":1.5,"capabilities":{"effort":{"supported":1},"thinking":"yes"}})",
           R"({"capabilities":{"thinking":{"types":{"adaptive":true,"enabled":{}}}}})",
           R"({"capabilities":{"effort":{"supported":true,"immense":{"supported":true}}}})",
           R"({"thinking":"no"})",
       }) {
    EXPECT_EQ(told(entry), ToldCapabilities()) << entry;
  }
}

TEST(ToldCapabilities, KnowModelsWithoutEfforts) {
  Capabilities model;
  model.efforts.set();
  told(R"({"capabilities":{"effort":{"supported":false,"low":{"supported":true}}}})").apply(model);
  EXPECT_TRUE(model.efforts.none());
}

}  // namespace
}  // namespace sluice::dialect::chat
