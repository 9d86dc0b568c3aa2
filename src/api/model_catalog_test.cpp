#include "api/model_catalog.hpp"

#include <gmock/gmock.h>

#include "api/test_gateway.hpp"

namespace sluice::api {
namespace {

using config::ProviderType;
using net::Peer;
using net::Task;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> ids(std::string_view body) {
  std::vector<std::string> out;
  for (const auto& entry : parse_model_list(body, "p")) out.push_back(entry.entry.id);
  return out;
}

TEST(ModelList, IsReadInBothShapesWithoutItsBadEntries) {
  using testing::ElementsAre;
  EXPECT_THAT(ids(R"({"object":"list","data":[{"id":"a","created":5},{"id":7},{},{"id":""},
                      3,{"id":"b","display_name":"B"}]})"),
              ElementsAre("a", "b"));
  EXPECT_THAT(ids("<html>"), ElementsAre());
  EXPECT_THAT(ids(R"({"data":"x"})"), ElementsAre());
  EXPECT_THAT(ids("{}"), ElementsAre());
}

TEST(ModelList, IsReadInGooglesShapeWithoutWhatCannotBeAsked) {
  const auto entries = parse_model_list(
      R"({"models":[{"name":"models/gemini-2.5-pro","displayName":"Gemini 2.5 Pro",
          "inputTokenLimit":1048576,"supportedGenerationMethods":["generateContent","countTokens"]},
          {"name":"models/embedding-001","supportedGenerationMethods":["embedContent"]},
          {"name":"models/"},{"name":"tuned"}]})",
      "google");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].entry.id, "gemini-2.5-pro");
  EXPECT_EQ(entries[0].entry.display_name, "Gemini 2.5 Pro");
  EXPECT_EQ(entries[0].entry.owned_by, "google");
  EXPECT_EQ(entries[1].entry.id, "tuned");
}

TEST(ModelList, DoesNotBelieveEveryTime) {
  const auto entries = parse_model_list(
      R"({"data":[{"id":"a","created":9000000000000000000},{"id":"b","created":-5}]})", "p");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].entry.created, 4'102'444'800);
  EXPECT_EQ(entries[1].entry.created, 0);
  EXPECT_THAT(dialect::render_model(entries[0].entry), HasSubstr("2100-01-01"));
}

class ModelCatalogTest : public testing::Test {
 protected:
  Task<void> serve_list(Peer& upstream, std::string body) {
    co_await gateway.upstream.accept(upstream);
    request = co_await upstream.read_through("\r\n\r\n");
    co_await upstream.send(
        fmt::format("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", body.size(), body));
  }
  /// Asks in the background.
  Task<void> get(std::string path, std::string& answer, std::string fields = {}) {
    answer = co_await gateway.ask("GET " + path, std::move(fields));
  }

  TestGateway gateway;
  std::string request;
};

TEST_F(ModelCatalogTest, UnitesWhatIsConfiguredAndWhatTheUpstreamTells) {
  gateway.add_provider("listed", ProviderType::kOpenAi).models = {"gpt-x"};
  gateway.add_provider("asked", ProviderType::kAnthropic);
  gateway.add_provider("off", ProviderType::kOpenAi).enabled = false;
  const auto body = [&]() -> Task<void> {
    net::TaskGroup group;
    std::string first;
    std::string second;
    group.spawn(get("/v1/models", first));
    group.spawn(get("/v1/models", second));
    Peer upstream(gateway.loop());
    co_await serve_list(upstream, R"({"data":[{"id":"claude-x"},{"id":"gpt-x"}]})");
    net::Scope scope(gateway.loop());
    co_await group.empty(scope);
    // Two clients asked, the upstream was asked once.
    EXPECT_THAT(first, HasSubstr("claude-x"));
    EXPECT_THAT(second, HasSubstr("claude-x"));
    EXPECT_THAT(first, HasSubstr(R"("id":"gpt-x","object":"model")"));
    EXPECT_EQ(first.find(R"("id":"gpt-x")"), first.rfind(R"("id":"gpt-x")"));
    EXPECT_THAT(first, HasSubstr("x-request-id: "));
    EXPECT_THAT(request, HasSubstr("x-api-key: upstream-key\r\n"));

    EXPECT_THAT(co_await gateway.ask("GET /models/claude-x"), HasSubstr("claude-x"));
    EXPECT_THAT(co_await gateway.ask("GET /v1/models/other"), StartsWith("HTTP/1.1 404 "));
  };
  gateway.run(body());
}

/// As Anthropic lists a model that no table knows.
constexpr std::string_view kToldList =
    R"({"data":[{"type":"model","id":"claude-x","display_name":"X","max_tokens":1234,)"
    R"("created_at":"2026-02-17T00:00:00Z","max_input_tokens":56789,)"
    R"("capabilities":{"image_input":{"supported":false}}}],"has_more":false})";

TEST_F(ModelCatalogTest, TellsOfEachModelWhatIsKnown) {
  gateway.add_provider("listed", ProviderType::kOpenAi).models = {"gpt-4o"};
  gateway.add_provider("asked", ProviderType::kAnthropic);
  config::Model& configured = gateway.config.models.emplace_back();
  configured.name = "gpt-4o";
  configured.context = 4321;
  const auto body = [&]() -> Task<void> {
    net::TaskGroup group;
    std::string answer;
    group.spawn(get("/v1/models", answer));
    Peer upstream(gateway.loop());
    co_await serve_list(upstream, std::string(kToldList));
    net::Scope scope(gateway.loop());
    co_await group.empty(scope);
    EXPECT_THAT(answer, HasSubstr(R"("created_at":"2026-02-17T00:00:00.000Z")"));
    EXPECT_THAT(answer, HasSubstr(R"("max_input_tokens":56789,"max_tokens":1234)"));
    EXPECT_THAT(answer, HasSubstr(R"("capabilities":{"image_input":{"supported":false}})"));
    EXPECT_THAT(answer, HasSubstr(R"("max_input_tokens":4321,"max_tokens":16384)"));
    EXPECT_THAT(co_await gateway.ask("GET /v1/models?limit=1"), HasSubstr(R"("has_more":true)"));
    EXPECT_THAT(co_await gateway.ask("GET /v1/models?limit=0"), StartsWith("HTTP/1.1 400 "));
    const auto told = gateway.learned.find(gateway.config.providers[1], "claude-x");
    EXPECT_TRUE(told && told->max_output == 1234 && told->image_in == false);
  };
  gateway.run(body());
}

TEST_F(ModelCatalogTest, LearnsUnaskedAndOutlivesAnUpstreamThatCannotTell) {
  gateway.add_provider("broken", ProviderType::kGemini);
  gateway.add_provider("keyless", ProviderType::kAnthropic).api_keys.clear();
  gateway.add_provider("off", ProviderType::kAnthropic).enabled = false;
  gateway.add_provider("other", ProviderType::kOpenAi);
  gateway.add_provider("asked", ProviderType::kAnthropic).models = {"claude-x"};
  const auto body = [&]() -> Task<void> {
    net::Scope scope(gateway.loop());
    net::TaskGroup group;
    group.spawn(gateway.handler->keep_learning(scope, Duration::zero()));
    Peer broken(gateway.loop());
    co_await gateway.upstream.accept(broken);
    co_await broken.read_through("\r\n\r\n");
    broken.reset();
    Peer upstream(gateway.loop());
    co_await serve_list(upstream, std::string(kToldList));
    EXPECT_THAT(request, HasSubstr("x-api-key: upstream-key\r\n"));
    // The answer to a client comes after what was sent before it.
    while (!gateway.learned.find(gateway.config.providers[4], "claude-x")) {
      co_await gateway.ask("GET /health");
    }
    scope.cancel(net::CancelReason::kDraining);
    net::Scope join(gateway.loop());
    co_await group.empty(join);
  };
  gateway.run(body());
}

TEST_F(ModelCatalogTest, ShowsAKeyOnlyWhatItMayUse) {
  gateway.config.auth.enabled = true;
  config::Key& key = gateway.config.keys.emplace_back();
  key.key = Secret("k");
  key.models = {"gpt-*"};
  gateway.add_provider("a", ProviderType::kOpenAi).models = {"gpt-x", "o1"};
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("GET /v1/models"), StartsWith("HTTP/1.1 401 "));
    const std::string answer = co_await gateway.ask("GET /v1/models", "x-api-key: k\r\n");
    EXPECT_THAT(answer, HasSubstr("gpt-x"));
    EXPECT_THAT(answer, Not(HasSubstr("\"o1\"")));
    EXPECT_THAT(co_await gateway.ask("GET /v1/models/o1", "x-api-key: k\r\n"),
                StartsWith("HTTP/1.1 404 "));
  };
  gateway.run(body());
}

TEST_F(ModelCatalogTest, LeavesOutAnUpstreamThatCannotTell) {
  gateway.add_provider("listed", ProviderType::kOpenAi).models = {"gpt-x"};
  gateway.add_provider("broken", ProviderType::kAnthropic);
  const auto body = [&]() -> Task<void> {
    net::TaskGroup group;
    std::string answer;
    group.spawn(get("/v1/models", answer));
    Peer upstream(gateway.loop());
    co_await gateway.upstream.accept(upstream);
    upstream.reset();
    net::Scope scope(gateway.loop());
    co_await group.empty(scope);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(answer, HasSubstr("gpt-x"));
  };
  gateway.run(body());
}

}  // namespace
}  // namespace sluice::api
