#include "relay/remote_content.hpp"

#include <gmock/gmock.h>

#include <deque>

#include "dialect/chat/reading.hpp"
#include "relay/test_relay.hpp"

namespace sluice::relay {
namespace {

using net::Peer;
using net::Task;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kPng("\x89PNG\r\n\x1a\n\0\0\0\0", 12);
constexpr std::string_view kPngBase64 = "iVBORw0KGgoAAAAA";
constexpr std::string_view kAnswer =
    R"({"type":"message","id":"msg_1","role":"assistant","model":"up","stop_reason":"end_turn",)"
    R"("content":[{"type":"text","text":"seen"}],"usage":{"input_tokens":3,"output_tokens":2}})";

std::string answer(int status, std::string_view type, std::string_view body) {
  return fmt::format("HTTP/1.1 {} x\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n{}", status,
                     type, body.size(), body);
}

/// An OpenAI client whose upstreams "a" and "b" speak Anthropic's dialect and fetch nothing.
class RemoteContentTest : public testing::Test {
 protected:
  RemoteContentTest()
      : images(relay.loop()), client(relay.loop()), a(relay.loop()), b(relay.loop()) {
    for (config::Provider& each : relay.config.providers) {
      each.type = config::ProviderType::kAnthropic;
    }
    config::Model model;
    model.name = "m";
    model.capabilities = {{"image_url_fetch", "false"}, {"document_url_fetch", "false"}};
    relay.config.models = {model};
    relay.config.fetch.allow = {"127.0.0.1"};
  }

  std::string url(std::string_view path) const {
    return fmt::format("http://127.0.0.1:{}/{}", images.port(), path);
  }
  static std::string body_with(const std::vector<std::string>& urls) {
    std::string body = R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":[)";
    for (const std::string& each : urls) {
      body += fmt::format(R"({{"type":"image_url","image_url":{{"url":"{}"}}}},)", each);
    }
    return body + R"({"type":"text","text":"what?"}]}]})";
  }
  Task<void> ask(const std::vector<std::string>& urls) {
    return relay.ask(client, TestRelay::request(body_with(urls)));
  }
  /// Waits for the gateway to ask for an image; tells for which.
  Task<std::string> asked_for(Peer& host) {
    co_await images.accept(host);
    const std::string head = co_await host.read_through("\r\n\r\n");
    co_return head.substr(0, head.find(" HTTP"));
  }
  Task<void> serve(std::string_view content, std::string_view type = "image/png") {
    Peer host(relay.loop());
    co_await asked_for(host);
    co_await host.send(answer(200, type, content));
    co_await host.read_to_end();
  }
  Task<void> answer_from(Peer& upstream) {
    co_await upstream.send(answer(200, "application/json", kAnswer));
    EXPECT_THAT(co_await got(), HasSubstr("seen"));
  }
  Task<std::string> got() {
    const std::string head = co_await client.read_through("\r\n\r\n");
    const size_t at = head.find("content-length: ");
    const size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    co_return head + co_await client.read_bytes(length);
  }
  /// The client is told that it cannot be, and no upstream was asked.
  Task<void> expect_refused(std::string_view message, std::string_view param) {
    const std::string told = co_await got();
    EXPECT_THAT(told, HasSubstr("HTTP/1.1 400 "));
    EXPECT_THAT(told, HasSubstr(message));
    EXPECT_THAT(told, HasSubstr(fmt::format(R"("param":"{}")", param)));
    EXPECT_TRUE(relay.up_a.deserted());
    EXPECT_TRUE(images.deserted());
  }

  TestRelay relay;
  net::TestListener images;
  Peer client;
  Peer a;
  Peer b;
};

TEST_F(RemoteContentTest, TheUpstreamIsAskedWithTheBytesOfAnImage) {
  const auto body = [&]() -> Task<void> {
    co_await ask({url("cat.png")});
    co_await serve(kPng, "image/jpeg");
    const std::string request = co_await relay.take_request(relay.up_a, a);
    EXPECT_THAT(request, HasSubstr(R"("type":"base64","media_type":"image/png",)"))
        << "what it is, and not what it is called";
    EXPECT_THAT(request, HasSubstr(kPngBase64));
    EXPECT_THAT(request, Not(HasSubstr("cat.png")));
    co_await answer_from(a);
  };
  relay.run(body());
}

TEST_F(RemoteContentTest, AnImageIsFetchedOnceForAllThatAsk) {
  const auto body = [&]() -> Task<void> {
    co_await ask({url("cat.png"), url("dog.png"), url("cat.png")});
    Peer cat(relay.loop());
    EXPECT_EQ(co_await asked_for(cat), "GET /cat.png");
    co_await serve(kPng);
    co_await cat.send(answer(200, "image/png", kPng));
    co_await relay.take_request(relay.up_a, a);
    co_await a.send(answer(500, "application/json", R"({"type":"error"})"));
    const std::string request = co_await relay.take_request(relay.up_b, b);
    for (size_t at = 0, i = 0; i < 3; ++i, ++at) {
      at = request.find(kPngBase64, at);
      EXPECT_NE(at, std::string::npos) << i;
    }
    EXPECT_TRUE(images.deserted());
    co_await answer_from(b);
  };
  relay.run(body());
}

TEST_F(RemoteContentTest, FourAreFetchedAtATimeAndPutWhereTheyBelong) {
  std::vector<std::string> urls;
  for (int i = 0; i < 6; ++i) urls.push_back(url(std::to_string(i)));
  const auto body = [&]() -> Task<void> {
    co_await ask(urls);
    std::deque<Peer> hosts;
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(co_await asked_for(hosts.emplace_back(relay.loop())), fmt::format("GET /{}", i));
    }
    EXPECT_TRUE(images.deserted());
    for (const int i : {3, 1, 0, 2, 4, 5}) {
      co_await hosts[static_cast<size_t>(i)].send(
          answer(200, "image/png", std::string(kPng) + std::to_string(i)));
      if (hosts.size() < 6) co_await asked_for(hosts.emplace_back(relay.loop()));
    }
    const std::string request = co_await relay.take_request(relay.up_a, a);
    size_t at = 0;
    for (int i = 0; i < 6; ++i) {
      at = request.find(dialect::chat::encode_base64(std::string(kPng) + std::to_string(i)), at);
      EXPECT_NE(at, std::string::npos) << i;
    }
    co_await answer_from(a);
  };
  relay.run(body());
}

TEST_F(RemoteContentTest, NobodyInThePrivateNetworkIsAskedWhereThatIsNotAllowed) {
  relay.config.fetch.allow.clear();
  const auto body = [&]() -> Task<void> {
    co_await ask({"http://127.0.0.1/cat.png"});
    co_await expect_refused("no public server answers there", "messages[0].content[0]");
    co_await client.send(TestRelay::request(body_with({url("cat.png")})));
    co_await expect_refused("no public server answers there", "messages[0].content[0]");
  };
  relay.run(body());
}

TEST_F(RemoteContentTest, NothingIsFetchedWhereThatIsTurnedOff) {
  relay.config.fetch.enabled = false;
  const auto body = [&]() -> Task<void> {
    co_await ask({url("cat.png")});
    co_await expect_refused("could not be fetched", "messages[0]");
  };
  relay.run(body());
}

TEST_F(RemoteContentTest, SaysWhichImageCannotBeHadAndFetchesNoMore) {
  const auto body = [&]() -> Task<void> {
    co_await ask({url("a"), url("b"), url("c")});
    Peer first(relay.loop());
    Peer second(relay.loop());
    Peer third(relay.loop());
    co_await asked_for(first);
    co_await asked_for(second);
    co_await asked_for(third);
    co_await second.send(answer(200, "image/png", "<html>no image</html>"));
    co_await expect_refused("its content is no JPEG, PNG, GIF or WebP", "messages[0].content[1]");
    co_await first.read_to_end();
    EXPECT_EQ(first.ended, net::Io::kError) << "a reset";
  };
  relay.run(body());
}

TEST_F(RemoteContentTest, LetsGoOfTheServersWhenTheClientLeaves) {
  const auto body = [&]() -> Task<void> {
    co_await ask({url("a"), url("b")});
    Peer first(relay.loop());
    Peer second(relay.loop());
    co_await asked_for(first);
    co_await asked_for(second);
    client.close();
    co_await first.read_to_end();
    co_await second.read_to_end();
    EXPECT_EQ(first.ended, net::Io::kError);
    EXPECT_EQ(second.ended, net::Io::kError);
    net::Scope scope(relay.loop());
    co_await relay.ended.wait(scope);
    EXPECT_TRUE(relay.up_a.deserted());
  };
  relay.run(body());
}

TEST_F(RemoteContentTest, ARequestLeadsToSoManyUrlsAndNoMore) {
  relay.config.fetch.max_per_request = 2;
  const auto body = [&]() -> Task<void> {
    co_await ask({url("a"), url("a"), url("b"), url("c")});
    co_await expect_refused("At most 2 URLs are fetched", "messages[0].content[3]");
  };
  relay.run(body());
}

TEST_F(RemoteContentTest, TheUrlsOfARequestLeadToNoMoreThanABodyMayHold) {
  relay.config.server.max_body = 1000;
  const std::string half = std::string(kPng) + std::string(600, 'x');
  const auto body = [&]() -> Task<void> {
    co_await ask({url("a"), url("b")});
    Peer first(relay.loop());
    Peer second(relay.loop());
    co_await asked_for(first);
    co_await asked_for(second);
    co_await first.send(answer(200, "image/png", half));
    co_await second.send(answer(200, "image/png", half));
    co_await expect_refused("lead to more than 1000 bytes", "messages[0].content[1]");
  };
  relay.run(body());
}

TEST_F(RemoteContentTest, DocumentsArePdfOrText) {
  relay.endpoint = dialect::Endpoint::kMessages;
  relay.config.providers[0].type = config::ProviderType::kOpenAi;
  const auto document = [&](std::string_view path) {
    return TestRelay::request(
        fmt::format(R"({{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[)"
                    R"({{"type":"document","source":{{"type":"url","url":"{}"}}}}]}}]}})",
                    url(path)),
        {}, "/v1/messages");
  };
  const std::string seen =
      R"({"id":"c","object":"chat.completion","model":"up","choices":[{"index":0,)"
      R"("message":{"role":"assistant","content":"seen"},"finish_reason":"stop"}]})";
  const auto body = [&]() -> Task<void> {
    co_await relay.ask(client, document("pdf"));
    co_await serve("%PDF-1.4 x", "application/pdf");
    EXPECT_THAT(co_await relay.take_request(relay.up_a, a),
                HasSubstr("data:application/pdf;base64,JVBERi0xLjQgeA=="));
    co_await a.send(answer(200, "application/json", seen));
    EXPECT_THAT(co_await got(), HasSubstr("seen"));

    co_await client.send(document("text"));
    co_await serve("one \"two\"\n", "text/csv; charset=utf-8");
    EXPECT_THAT(co_await relay.take_request(relay.up_a, a), HasSubstr(R"(one \"two\"\n)"));
    co_await a.send(answer(200, "application/json", seen));
    EXPECT_THAT(co_await got(), HasSubstr("seen"));

    for (const auto& [content, type] :
         {std::pair(kPng, "application/pdf"), std::pair(kPng, "text/plain")}) {
      co_await client.send(document("png"));
      co_await serve(content, type);
      EXPECT_THAT(co_await got(), HasSubstr("neither PDF nor text"));
    }
  };
  relay.run(body());
}

}  // namespace
}  // namespace sluice::relay
