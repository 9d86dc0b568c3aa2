#include "mock/server.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "http/body.hpp"
#include "http/head.hpp"
#include "json/slices.hpp"

namespace sluice::mock {
namespace {

using json::Value;

/// A blocking client: the server runs on a thread of its own.
class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(std::string_view method, std::string_view target, std::string_view content,
            std::string_view headers = "authorization: Bearer k\r\n") {
    const std::string bytes =
        fmt::format("{} {} HTTP/1.1\r\nhost: x\r\n{}content-length: {}\r\n\r\n{}", method, target,
                    headers, content.size(), content);
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  /// False: nothing more came; error() says why.
  bool read_more() {
    char bytes[4096];
    const ssize_t got = recv(fd_, bytes, sizeof bytes, 0);
    error_ = got < 0 ? errno : 0;
    if (got <= 0) return false;
    received_.append(bytes, static_cast<size_t>(got));
    return true;
  }
  /// Reads until `text` has come.
  bool read_through(std::string_view text) {
    while (received_.find(text) == std::string::npos) {
      if (!read_more()) return false;
    }
    return true;
  }
  /// Reads one whole response; false when it breaks off. Its pieces are chunks where it has any.
  bool read_response() {
    status = 0;
    body.clear();
    pieces.clear();
    if (!read_through("\r\n\r\n")) return false;
    size_t scanned = 0;
    head = received_;
    http::ResponseHead parsed;
    const auto result = http::parse_response_head(head, scanned, {}, "POST", parsed);
    EXPECT_EQ(result.state, http::HeadState::kDone);
    head.resize(result.consumed);
    status = parsed.status;
    received_.erase(0, result.consumed);
    http::BodyDecoder decoder(parsed.framing, parsed.content_length);
    for (;;) {
      std::string_view input = received_;
      for (auto step = decoder.next(input); step.kind == http::BodyDecoder::kData;
           step = decoder.next(input)) {
        body.append(step.data);
        pieces.emplace_back(step.data);
      }
      received_.erase(0, received_.size() - input.size());
      if (decoder.done()) return true;
      if (!read_more()) return false;
    }
  }
  bool was_reset() const { return error_ == ECONNRESET; }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd_);
    fd_ = -1;
  }

  int status = 0;
  std::string head;
  std::string body;
  std::vector<std::string> pieces;

 private:
  int fd_;
  int error_ = 0;
  std::string received_;
};

class MockServer : public testing::Test {
 protected:
  MockServer() {
    auto started = Server::start({.host = "127.0.0.1", .port = 0, .threads = 1});
    EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().message);
    server = std::move(*started);
  }

  static std::string chat(std::string_view model, bool stream) {
    return fmt::format(
        R"({{"model":"{}","stream":{},"messages":[{{"role":"user","content":"hi"}}]}})", model,
        stream);
  }
  static std::string message(std::string_view model, bool stream) {
    return fmt::format(
        R"({{"model":"{}","stream":{},"max_tokens":99,"messages":[{{"role":"user","content":"hi"}}]}})",
        model, stream);
  }
  std::string stats() {
    Client client(server->port());
    client.send("GET", "/mock/stats", "");
    EXPECT_TRUE(client.read_response());
    return client.body;
  }
  /// Asks for the stats until `done` likes them: an abort is noticed on another thread.
  template <typename Done>
  std::string stats_when(Done done) {
    Client client(server->port());
    for (int tries = 0; tries < 10'000; ++tries) {
      client.send("GET", "/mock/stats", "");
      EXPECT_TRUE(client.read_response());
      if (done(Value(client.body))) break;
    }
    return client.body;
  }

  std::unique_ptr<Server> server;
};

TEST_F(MockServer, AnswersOneRequestAfterTheOtherOnAConnection) {
  Client client(server->port());
  client.send("POST", "/v1/chat/completions", chat("mock-c3", false));
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 200);
  EXPECT_NE(client.head.find("x-request-id: req_"), std::string::npos);
  EXPECT_NE(client.head.find("openai-version: "), std::string::npos);
  client.send("POST", "/messages", message("mock-c3", true), "x-api-key: k\r\n");
  ASSERT_TRUE(client.read_response());
  EXPECT_NE(client.head.find("content-type: text/event-stream"), std::string::npos);
  EXPECT_NE(client.head.find("request-id: req_"), std::string::npos);
  EXPECT_TRUE(client.body.starts_with("event: message_start\n"));
  EXPECT_TRUE(client.body.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

TEST_F(MockServer, SendsEveryEventInAChunkOfItsOwn) {
  Client client(server->port());
  client.send("POST", "/v1/chat/completions", chat("mock-c4-i1", true));
  ASSERT_TRUE(client.read_response());
  ASSERT_EQ(client.pieces.size(), 7U);
  for (const std::string& piece : client.pieces) EXPECT_TRUE(piece.starts_with("data: ")) << piece;
}

TEST_F(MockServer, SplitsTheBodyWhereTheScriptSays) {
  Client whole(server->port());
  whole.send("POST", "/v1/messages", message("mock-c3", true));
  ASSERT_TRUE(whole.read_response());
  for (const bool stream : {true, false}) {
    Client client(server->port());
    client.send("POST", "/v1/messages", message("mock-c3-z7", stream));
    ASSERT_TRUE(client.read_response());
    size_t at = 0;
    for (const std::string& piece : client.pieces) {
      EXPECT_LE(at % 7 + piece.size(), 7U);
      at += piece.size();
    }
    EXPECT_GT(client.pieces.size(), client.body.size() / 7);
    EXPECT_TRUE(stream ? client.body.ends_with("}\n\n") : json::valid(client.body));
  }
}

TEST_F(MockServer, TakesAKeyForGeminiWhereverItIs) {
  const std::string body = R"({"contents":[{"parts":[{"text":"hi"}]}]})";
  const std::string path = "/v1beta/models/mock-c2:generateContent";
  Client client(server->port());
  for (const auto& [target, headers] :
       {std::pair{path, "x-goog-api-key: k\r\n"},
        {path + "?alt=json&key=k", ""},
        {path, "authorization: Bearer k\r\n"},
        {std::string("/v1/models/mock-c2:generateContent"), "x-goog-api-key: k\r\n"}}) {
    client.send("POST", target, body, headers);
    ASSERT_TRUE(client.read_response());
    EXPECT_EQ(client.status, 200) << target << headers;
  }
  client.send("POST", path + "?key=", body, "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 403);
  EXPECT_EQ(Value(client.body)["error"]["status"].as_string(), "PERMISSION_DENIED");
}

TEST_F(MockServer, KnowsOneKeyThatIsNotGood) {
  Client client(server->port());
  client.send("POST", "/v1/responses", R"({"model":"mock","input":"hi"})",
              "authorization: Bearer invalid\r\n");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 401);
  EXPECT_EQ(Value(client.body)["error"]["code"].as_string(), "invalid_api_key");
  client.send("POST", "/v1/messages", message("mock", false), "x-api-key: invalid\r\n");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 401);
  client.send("POST", "/v1beta/models/mock:generateContent?key=invalid", "{}", "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 400);
  EXPECT_NE(client.body.find(R"("reason":"API_KEY_INVALID")"), std::string::npos);
}

TEST_F(MockServer, StreamsGeminiAsEventsAlone) {
  const std::string body = R"({"contents":[{"parts":[{"text":"hi"}]}]})";
  const std::string path = "/v1beta/models/mock-c2:streamGenerateContent";
  Client client(server->port());
  client.send("POST", path + "?alt=sse", body);
  ASSERT_TRUE(client.read_response());
  EXPECT_NE(client.head.find("content-type: text/event-stream"), std::string::npos);
  EXPECT_EQ(client.pieces.size(), 2U);
  client.send("POST", path, body);
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 400);
}

TEST_F(MockServer, TellsGeminiWhenToRetryInTheBodyAlone) {
  Client client(server->port());
  client.send("POST", "/v1beta/models/mock-e429-r7:generateContent",
              R"({"contents":[{"parts":[{"text":"hi"}]}]})");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 429);
  EXPECT_EQ(client.head.find("retry-after"), std::string::npos);
  EXPECT_NE(client.body.find(R"("retryDelay":"7s")"), std::string::npos);
}

TEST_F(MockServer, SharesNoAnswerBetweenPartsOfATurn) {
  const auto message = [](std::string_view rest) {
    return fmt::format(
        R"({{"model":"mock-c2-p1","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}{}]}})",
        rest);
  };
  Client client(server->port());
  client.send("POST", "/v1/messages", message(""));
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(Value(client.body)["stop_reason"].as_string(), "pause_turn");
  client.send("POST", "/v1/messages",
              message(fmt::format(R"(,{{"role":"assistant","content":{}}})",
                                  Value(client.body)["content"].raw())));
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(Value(client.body)["stop_reason"].as_string(), "end_turn");
}

TEST_F(MockServer, RefusesInTheDialectOfTheRoute) {
  Client client(server->port());
  client.send("POST", "/v1/chat/completions", chat("mock-e429-r7", true));
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 429);
  EXPECT_NE(client.head.find("retry-after: 7\r\n"), std::string::npos);
  EXPECT_EQ(Value(client.body)["error"]["code"].as_string(), "rate_limit_exceeded");
  client.send("POST", "/v1/messages", message("mock-e529", true));
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 529);
  EXPECT_EQ(client.head.find("retry-after"), std::string::npos);
  EXPECT_EQ(Value(client.body)["error"]["type"].as_string(), "overloaded_error");
}

TEST_F(MockServer, NeedsACredential) {
  Client client(server->port());
  client.send("POST", "/v1/chat/completions", chat("mock", false), "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 401);
  client.send("GET", "/v1/models", "", "anthropic-version: 2023-06-01\r\n");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 401);
  EXPECT_EQ(Value(client.body)["error"]["type"].as_string(), "authentication_error");
}

TEST_F(MockServer, RefusesRoutesAndMethodsThatItDoesNotHave) {
  Client client(server->port());
  client.send("POST", "/v1/chat", "{}");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 404);
  client.send("GET", "/v1/messages", "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 405);
}

TEST_F(MockServer, ListsModelsInBothShapes) {
  Client client(server->port());
  client.send("GET", "/v1/models", "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(Value(client.body)["object"].as_string(), "list");
  client.send("GET", "/v1/models?limit=5", "", "x-api-key: k\r\nanthropic-version: 2023-06-01\r\n");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(Value(client.body)["has_more"].as_bool(), false);
  client.send("GET", "/v1/models/mock-c5", "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(Value(client.body)["id"].as_string(), "mock-c5");
  client.send("GET", "/v1/models/gpt-nothing", "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 404);
}

TEST_F(MockServer, ResetsBeforeTheHeadersOrAfterEvents) {
  for (const bool stream : {true, false}) {
    Client at_once(server->port());
    at_once.send("POST", "/v1/chat/completions", chat("mock-x0", stream));
    EXPECT_FALSE(at_once.read_response());
    EXPECT_EQ(at_once.status, 0);
    EXPECT_TRUE(at_once.was_reset());
    Client later(server->port());
    later.send("POST", "/v1/messages", message("mock-c9-x3-i1", stream));
    EXPECT_FALSE(later.read_response());
    EXPECT_EQ(later.status, 200);
    EXPECT_TRUE(later.was_reset());
    size_t deltas = 0;
    for (size_t at = 0; (at = later.body.find("text_delta", at)) != std::string::npos; ++at) {
      ++deltas;
    }
    EXPECT_EQ(deltas, stream ? 3U : 0U);
  }
  EXPECT_EQ(Value(stats())["reset"].as_int(), 4);
}

TEST_F(MockServer, FallsSilentWhereTheScriptSays) {
  Client headers_only(server->port());
  headers_only.send("POST", "/v1/chat/completions", chat("mock-s0", true));
  ASSERT_TRUE(headers_only.read_through("\r\n\r\n"));
  Client two_events(server->port());
  two_events.send("POST", "/v1/chat/completions", chat("mock-c9-s2", true));
  ASSERT_TRUE(two_events.read_through("\r\n\r\n"));
  Client half_body(server->port());
  half_body.send("POST", "/v1/chat/completions", chat("mock-c9-s1", false));
  ASSERT_TRUE(half_body.read_through("\"choices\""));
  const std::string waiting = stats_when([](Value v) { return v["active"].as_int() == 3; });
  EXPECT_EQ(Value(waiting)["finished"].as_int(), 0);
  headers_only.reset();
  two_events.reset();
  half_body.reset();
  const std::string seen = stats_when([](Value v) { return v["aborted"].as_int() == 3; });
  const Value body(seen);
  json::Elements aborts(body["aborts"]);
  Value abort;
  while (aborts.next(abort)) {
    EXPECT_EQ(abort["events_sent"].as_int(), abort["model"].as_string() == "mock-c9-s2" ? 2 : 0);
  }
}

TEST_F(MockServer, RecordsAnAbortWhileStreaming) {
  Client client(server->port());
  client.send("POST", "/v1/chat/completions", chat("mock-c1000-i1000", true));
  ASSERT_TRUE(client.read_through("\"content\":\""));
  const TimePoint before = now();
  client.reset();
  const std::string seen = stats_when([](Value v) { return v["aborted"].as_int() == 1; });
  const Value body(seen);
  EXPECT_EQ(body["active"].as_int(), 0);
  json::Elements aborts(body["aborts"]);
  Value abort;
  ASSERT_TRUE(aborts.next(abort));
  EXPECT_EQ(abort["model"].as_string(), "mock-c1000-i1000");
  EXPECT_GE(*abort["at_ns"].as_int(), before.time_since_epoch().count());
  EXPECT_LE(*abort["at_ns"].as_int(), now().time_since_epoch().count());
  EXPECT_EQ(body["models"]["mock-c1000-i1000"]["aborted"].as_int(), 1);
}

TEST_F(MockServer, RecordsAnAbortBeforeAnyHeader) {
  Client client(server->port());
  client.send("POST", "/v1/messages", message("mock-f600000", false));
  stats_when([](Value v) { return v["active"].as_int() == 1; });
  client.reset();
  const std::string seen = stats_when([](Value v) { return v["aborted"].as_int() == 1; });
  json::Elements aborts(Value{seen}["aborts"]);
  Value abort;
  ASSERT_TRUE(aborts.next(abort));
  EXPECT_EQ(abort["events_sent"].as_int(), 0);
}

TEST_F(MockServer, FailsTheFirstAttemptsOfAName) {
  Client client(server->port());
  const auto attempt = [&] {
    client.send("POST", "/v1/messages", message("mock-n2-e503", false));
    EXPECT_TRUE(client.read_response());
    return client.status;
  };
  EXPECT_EQ(attempt(), 503);
  EXPECT_EQ(attempt(), 503);
  EXPECT_EQ(attempt(), 200);
  client.send("DELETE", "/mock/stats", "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(attempt(), 503);
}

TEST_F(MockServer, RefusesAPromptBeyondTheContext) {
  Client client(server->port());
  client.send("POST", "/v1/chat/completions", chat("mock-l1", false));
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 400);
  EXPECT_EQ(Value(client.body)["error"]["code"].as_string(), "context_length_exceeded");
  client.send("POST", "/v1/messages", message("mock-l1", false));
  ASSERT_TRUE(client.read_response());
  EXPECT_TRUE(
      Value(client.body)["error"]["message"].as_string()->starts_with("prompt is too long: "));
}

TEST_F(MockServer, ShowsTheLastRequests) {
  Client client(server->port());
  for (int i = 0; i < 70; ++i) {
    client.send("POST", "/v1/chat/completions", chat(fmt::format("mock-c{}", i), false),
                "Authorization: Bearer k\r\nX-Extra: v\r\n");
    ASSERT_TRUE(client.read_response());
  }
  client.send("GET", "/mock/requests", "");
  ASSERT_TRUE(client.read_response());
  json::Elements requests(Value{client.body}["requests"]);
  Value request;
  int count = 0;
  while (requests.next(request)) {
    ++count;
    EXPECT_EQ(request["model"].as_string(), fmt::format("mock-c{}", count + 5));
    EXPECT_EQ(request["body"].as_string(), chat(fmt::format("mock-c{}", count + 5), false));
    EXPECT_NE(request["headers"].raw().find(R"(["X-Extra","v"])"), std::string_view::npos);
  }
  EXPECT_EQ(count, 64);
}

TEST_F(MockServer, TellsWhatOfEachAnswerWasSent) {
  const auto body = [](std::string_view model, std::string_view more) {
    return fmt::format(R"({{"model":"{}","messages":[{{"role":"user","content":"hello"}}]{}}})",
                       model, more);
  };
  Client client(server->port());
  client.send("POST", "/v1/chat/completions", body("mock-c6-b2", ""),
              "authorization: Bearer k\r\nx-request-id: whole\r\n");
  ASSERT_TRUE(client.read_response());
  client.send("POST", "/v1/chat/completions", body("mock-e503", ""),
              "authorization: Bearer k\r\nx-request-id: refused\r\n");
  ASSERT_TRUE(client.read_response());
  {
    Client cut(server->port());
    cut.send("POST", "/v1/chat/completions", body("mock-c6-b2-x4", R"(,"stream":true)"),
             "authorization: Bearer k\r\nx-request-id: cut\r\n");
    while (cut.read_more()) {
    }
  }
  client.send("GET", "/mock/endings", "");
  ASSERT_TRUE(client.read_response());
  json::Elements elements(Value{client.body}["endings"]);
  std::string seen;
  Value each;
  while (elements.next(each)) {
    seen += fmt::format("{} {} {} {} {}\n", *each["caller_id"].as_string(),
                        *each["ended"].as_string(), *each["prompt_tokens"].as_int(),
                        *each["tokens_sent"].as_int(), *each["events_sent"].as_int());
  }
  EXPECT_EQ(seen, "whole finished 8 12 0\nrefused finished 0 0 0\ncut reset 8 8 4\n");
}

TEST_F(MockServer, TakesLongerForEverythingOnceToldSo) {
  Client client(server->port());
  const auto took = [&] {
    const TimePoint begun = now();
    client.send("POST", "/v1/chat/completions", chat("mock-c2-f10-i10", false));
    EXPECT_TRUE(client.read_response());
    return now() - begun;
  };
  client.send("POST", "/mock/pace?times=10", "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 200);
  EXPECT_GE(took(), std::chrono::milliseconds(100));
  client.send("POST", "/mock/pace?times=0", "");
  ASSERT_TRUE(client.read_response());
  EXPECT_EQ(client.status, 404);
}

TEST_F(MockServer, RefusesAPortThatIsTaken) {
  const auto second = Server::start({.host = "127.0.0.1", .port = server->port(), .threads = 1});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kIo);
}

TEST_F(MockServer, StopsWhileStreamsRun) {
  Client client(server->port());
  client.send("POST", "/v1/chat/completions", chat("mock-c1000-i1000", true));
  ASSERT_TRUE(client.read_through("\"content\":\""));
  server->stop();
  EXPECT_FALSE(client.read_response());
}

}  // namespace
}  // namespace sluice::mock
