#include "dialect/models.hpp"

#include <gtest/gtest.h>

#include "json/slices.hpp"

namespace sluice::dialect {
namespace {

using config::ProviderType;

TEST(Models, TellTheirProvider) {
  for (const std::string_view name :
       {"gpt-4o", "GPT-4", "chatgpt-4o-latest", "o1", "o1-preview", "o3-mini", "o4-mini",
        "text-embedding-3-small", "ft:gpt-4o-mini:acme::abc", "davinci-002", "babbage-002"}) {
    EXPECT_EQ(detect_provider(name), ProviderType::kOpenAi) << name;
  }
  EXPECT_EQ(detect_provider("claude-sonnet-4-6"), ProviderType::kAnthropic);
  EXPECT_EQ(detect_provider("gemini-2.5-pro"), ProviderType::kGemini);
  EXPECT_EQ(detect_provider("models/gemini-2.5-pro"), ProviderType::kGemini);
  EXPECT_EQ(detect_provider("glm-4.6"), ProviderType::kZai);
  for (const std::string_view name : {"", "o10", "o1x", "llama-3", "my-gpt-4", "claude", "ft:x"}) {
    EXPECT_EQ(detect_provider(name), std::nullopt) << name;
  }
}

TEST(Models, KnowTheDialectOfAProvider) {
  EXPECT_EQ(dialect_of(ProviderType::kOpenAiCompatible), Dialect::kOpenAi);
  EXPECT_EQ(dialect_of(ProviderType::kZai), Dialect::kOpenAi);
  EXPECT_EQ(dialect_of(ProviderType::kAnthropic), Dialect::kAnthropic);
  EXPECT_EQ(dialect_of(ProviderType::kGemini), Dialect::kGemini);
}

TEST(Models, AreListedInTheShapeOfBothDialects) {
  const ModelEntry models[] = {
      {.id = "gpt-4o", .owned_by = "openai-main", .display_name = "", .created = 1715367049},
      {.id = "claude-sonnet-4-6",
       .owned_by = "anthropic-main",
       .display_name = "Claude Sonnet 4.6",
       .created = 1771286400,
       .context_window = 200'000,
       .max_output = 64'000,
       .capabilities = R"({"batch":{"supported":true}})"},
  };
  EXPECT_EQ(
      render_model_list({.models = models}),
      R"({"object":"list","data":[{"id":"gpt-4o","object":"model","type":"model","created":1715367049,)"
      R"("created_at":"2024-05-10T18:50:49.000Z","owned_by":"openai-main","display_name":"gpt-4o",)"
      R"("max_input_tokens":null,"max_tokens":null,"context_window":null,"capabilities":null},)"
      R"({"id":"claude-sonnet-4-6","object":"model","type":"model","created":1771286400,)"
      R"("created_at":"2026-02-17T00:00:00.000Z","owned_by":"anthropic-main",)"
      R"("display_name":"Claude Sonnet 4.6","max_input_tokens":200000,"max_tokens":64000,)"
      R"("context_window":200000,"capabilities":{"batch":{"supported":true}}}],"has_more":false,)"
      R"("first_id":"gpt-4o","last_id":"claude-sonnet-4-6"})");
  EXPECT_EQ(render_model_list({}),
            R"({"object":"list","data":[],"has_more":false,"first_id":null,"last_id":null})");
  EXPECT_EQ(json::Value(render_model(models[0]))["id"].as_string(), "gpt-4o");
}

/// The models a, b, c, d, e of a page, '+' behind them where there are more, '!' before a refusal.
std::string paged(std::string_view query) {
  std::vector<ModelEntry> models;
  for (const std::string_view id : {"a", "b", "c", "d", "e"}) {
    models.push_back({.id = std::string(id), .owned_by = "p", .display_name = {}});
  }
  const auto page = page_of(models, query);
  if (!page) return "!" + page.error().param;
  std::string out;
  for (const ModelEntry& model : page->models) out += model.id;
  return out + (page->has_more ? "+" : "");
}

TEST(Models, AreToldInPages) {
  EXPECT_EQ(paged(""), "abcde");
  EXPECT_EQ(paged("beta=true&after_id="), "abcde");
  EXPECT_EQ(paged("limit=2"), "ab+");
  EXPECT_EQ(paged("limit=2&after_id=b"), "cd+");
  EXPECT_EQ(paged("after_id=d&limit=2"), "e");
  EXPECT_EQ(paged("after_id=e"), "");
  EXPECT_EQ(paged("limit=2&before_id=e"), "cd+");
  EXPECT_EQ(paged("limit=2&before_id=c"), "ab");
  EXPECT_EQ(paged("before_id=a"), "");
  EXPECT_EQ(paged("after_id=a&before_id=e&limit=2"), "cd+");
  EXPECT_EQ(paged("after_id=d&before_id=b"), "");
  EXPECT_EQ(paged("limit=1000"), "abcde");
  for (const std::string_view limit : {"0", "1001", "-1", "x", "", "99999999999999999999"}) {
    EXPECT_EQ(paged("limit=" + std::string(limit)), "!limit") << limit;
  }
  EXPECT_EQ(paged("after_id=f"), "!after_id");
  EXPECT_EQ(paged("before_id=A"), "!before_id");
}

TEST(Endpoints, AreFoundBelowEveryBase) {
  EXPECT_EQ(upstream_path(Endpoint::kChatCompletions, "/v1"), "/v1/chat/completions");
  EXPECT_EQ(upstream_path(Endpoint::kChatCompletions, ""), "/v1/chat/completions");
  EXPECT_EQ(upstream_path(Endpoint::kEmbeddings, "/api/paas/v4"), "/api/paas/v4/embeddings");
  for (const std::string_view model : {"gemini-2.5-pro", "models/gemini-2.5-pro"}) {
    EXPECT_EQ(upstream_path(Endpoint::kGenerateContent, "", model),
              "/v1beta/models/gemini-2.5-pro:generateContent");
    EXPECT_EQ(upstream_path(Endpoint::kGenerateContent, "/v1", model, true),
              "/v1/models/gemini-2.5-pro:streamGenerateContent?alt=sse");
  }
  EXPECT_EQ(upstream_path(Endpoint::kMessages, ""), "/v1/messages");
  EXPECT_EQ(upstream_path(Endpoint::kMessages, "/v1"), "/v1/messages");
  EXPECT_EQ(upstream_path(Endpoint::kMessages, "/anthropic"), "/anthropic/v1/messages");
}

}  // namespace
}  // namespace sluice::dialect
