#include "api/admin_routes.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "admin/client.hpp"
#include "admin/test_database.hpp"
#include "api/test_gateway.hpp"
#include "net/offload.hpp"
#include "net/unix_socket.hpp"

namespace sluice::api {
namespace {

using net::Task;
using testing::HasSubstr;
using testing::StartsWith;

class AdminRoutesTest : public testing::Test {
 protected:
  AdminRoutesTest() { gateway.service.administration = &administration; }

  Task<std::string> top_up(std::string fields, std::string key) {
    std::string body = R"({"amount":"2.50","idempotency_key":")" + key + "\"}";
    co_return co_await gateway.ask("POST /api/admin/users/alice/wallet/top-up", std::move(fields),
                                   std::move(body));
  }

  admin::TestDatabase database;
  admin::Service service{database};
  Administration administration{service};
  TestGateway gateway;
};

TEST_F(AdminRoutesTest, AnswersWhoeverHasTheTokenAndNobodyElse) {
  gateway.config.auth.admin_token = Secret("sesame");
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await top_up("", "a"), StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(co_await top_up("authorization: Bearer sesam\r\n", "a"),
                StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(co_await gateway.ask("GET /api/admin/nothing"), StartsWith("HTTP/1.1 401 "));
    EXPECT_TRUE(database.entries.empty());
    const std::string good = co_await top_up("authorization: Bearer sesame\r\n", "a");
    EXPECT_THAT(good, StartsWith("HTTP/1.1 201 "));
    EXPECT_THAT(good, HasSubstr(R"("actor":"admin@127.0.0.1")"));
    EXPECT_THAT(co_await top_up("x-api-key: sesame\r\n", "a"), StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(database.entries.size(), 1U);
  };
  gateway.run(body());
}

TEST_F(AdminRoutesTest, WithoutATokenAnswersThisMachineAndNoWebPageOnIt) {
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("GET /api/admin/wallets", "x-forwarded-for: 127.0.0.1\r\n"),
                StartsWith("HTTP/1.1 403 "));
    // ask() names the host "x", as a page would whose name was made to point here.
    EXPECT_THAT(co_await gateway.ask("GET /api/admin/wallets"), StartsWith("HTTP/1.1 403 "));
    EXPECT_THAT(co_await top_up("", "a"), StartsWith("HTTP/1.1 403 "));
    for (const char* host : {"localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080"}) {
      EXPECT_THAT(co_await gateway.ask_at(host, "GET /api/admin/wallets"),
                  StartsWith("HTTP/1.1 200 "))
          << host;
      EXPECT_THAT(co_await gateway.ask_at(host, "GET /api/admin/wallets",
                                          "origin: https://evil.example\r\n"),
                  StartsWith("HTTP/1.1 403 "));
    }
    EXPECT_TRUE(database.entries.empty());
  };
  gateway.run(body());
}

TEST_F(AdminRoutesTest, TellsWhatIsWrongWithARequest) {
  gateway.config.auth.admin_token = Secret("sesame");
  const std::string token = "authorization: Bearer sesame\r\n";
  const auto body = [&]() -> Task<void> {
    const std::string unknown = co_await gateway.ask("GET /api/admin/nothing", token);
    EXPECT_THAT(unknown, StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(unknown, HasSubstr(R"({"error":{"code":"not_found")"));
    EXPECT_THAT(unknown, HasSubstr("\"request_id\":\""));
    const std::string wrong = co_await gateway.ask("DELETE /api/admin/keys", token);
    EXPECT_THAT(wrong, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(wrong, HasSubstr("allow: GET, POST\r\n"));
    const std::string field = co_await gateway.ask("GET /api/admin/usage?limit=x", token);
    EXPECT_THAT(field, StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(field, HasSubstr(R"("field":"limit")"));
    EXPECT_THAT(co_await gateway.ask("POST /api/admin/keys", token + "content-length: 70000\r\n"),
                StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(co_await gateway.ask("POST /api/admin/backup", token, R"({"file":"/x"})"),
                StartsWith("HTTP/1.1 403 "));
    database.broken = true;
    EXPECT_THAT(co_await gateway.ask("GET /api/admin/wallets", token), StartsWith("HTTP/1.1 503 "));
  };
  gateway.run(body());
}

TEST_F(AdminRoutesTest, IsNotThereWithoutADatabase) {
  gateway.config.auth.admin_token = Secret("sesame");
  gateway.service.administration = nullptr;
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await gateway.ask("GET /api/admin/wallets", "authorization: Bearer sesame\r\n"),
                StartsWith("HTTP/1.1 404 "));
  };
  gateway.run(body());
}

TEST_F(AdminRoutesTest, LetsCommandsInAtTheSocket) {
  gateway.config.auth.admin_token = Secret("sesame");
  char folder[] = "/tmp/sluice-admin-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  config::Config config;
  config.data_dir = folder;
  const auto body = [&]() -> Task<void> {
    AdminSocketHandler handler(gateway.service, gateway.context());
    net::HttpServer server(gateway.loop(), handler);
    auto listener = net::listen_unix(admin::socket_path(config));
    server.start(listener->fd);
    net::BlockingPool pool(1);
    net::Scope scope(gateway.loop());
    const auto ask = [&](std::string method, std::string target,
                         std::string text) -> Task<Result<std::string>> {
      std::move_only_function<Result<std::string>()> work = [&config, method, target, text] {
        auto client = admin::Client::open(config);
        if (!client) return Result<std::string>(std::unexpected(client.error()));
        EXPECT_TRUE(client->through_gateway());
        auto reply = client->ask({.method = method, .target = target, .body = text});
        if (!reply) return Result<std::string>(std::unexpected(reply.error()));
        return Result<std::string>(std::move(reply->body));
      };
      auto answer = co_await net::offload<Result<std::string>>(pool, std::move(work), scope);
      co_return std::move(*answer);
    };
    const auto posted = co_await ask("POST", "/api/admin/users/alice/wallet/top-up",
                                     R"({"amount":"1","idempotency_key":"k"})");
    EXPECT_TRUE(posted.has_value());
    EXPECT_THAT(posted.value_or(""),
                HasSubstr("\"actor\":\"shell:" + std::to_string(geteuid()) + "\""));
    const auto missing = co_await ask("GET", "/api/admin/users/bob/wallet", "");
    EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(missing.error().message, "there is no user of this name");
    const auto copied = co_await ask("POST", "/api/admin/backup", R"({"file":"/tmp/copy"})");
    EXPECT_TRUE(copied.has_value());
    EXPECT_EQ(database.backed_up, "/tmp/copy");
    // Only the administration is here.
    EXPECT_FALSE((co_await ask("GET", "/health", "")).has_value());
    server.stop_accepting();
    co_await server.drained(scope);
  };
  gateway.run(body());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sluice::api
