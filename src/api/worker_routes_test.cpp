#include "api/worker_routes.hpp"

#include <gmock/gmock.h>

#include "api/test_gateway.hpp"

namespace sluice::api {
namespace {

using net::Task;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kHere = "127.0.0.1:8080";

/// The seed's body, and what else is given.
std::string beat(std::string_view id, std::string_view more = {}) {
  return fmt::format(R"({{"worker_id":"{}","supported":["gpt-4"],"total_vram":12884901888,)"
                     R"("available_vram":12884901888,"active_tasks":0,"max_tasks":2{}{}}})",
                     id, more.empty() ? "" : ",", more);
}
constexpr std::string_view kEndpoint = R"("endpoint":"http://10.0.0.7:8000")";

class WorkerRoutesTest : public testing::Test {
 protected:
  /// From this machine, as curl would.
  Task<std::string> post(std::string body, std::string fields = {}) {
    co_return co_await gateway.ask_at(std::string(kHere), "POST /v1/workers/heartbeat",
                                      std::move(fields), std::move(body));
  }
  Task<std::string> get(std::string path, std::string fields = {}) {
    co_return co_await gateway.ask_at(std::string(kHere), "GET " + path, std::move(fields));
  }

  TestGateway gateway;
};

TEST_F(WorkerRoutesTest, RegistersAWorkerWithTheSeedsBodyAndShowsWhyItIsNotRoutable) {
  const auto body = [&]() -> Task<void> {
    const std::string first = co_await post(beat("gpu-4070tis-01"));
    EXPECT_THAT(first, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(first, HasSubstr(R"({"known":false,"gw_time":)"));
    EXPECT_THAT(first, HasSubstr(R"("next_interval_ms":5000})"));
    EXPECT_THAT(co_await post(beat("gpu-4070tis-01")), HasSubstr(R"({"known":true,)"));
    const std::string list = co_await get("/v1/workers");
    EXPECT_THAT(list, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(list, HasSubstr(R"({"object":"list","data":[{"id":"gpu-4070tis-01")"));
    EXPECT_THAT(list, HasSubstr(R"("routable":false,"reason":")"));
    EXPECT_THAT(list, HasSubstr(R"("available_vram":12884901888)"));
    EXPECT_FALSE(gateway.fleet.serves("gpt-4"));
  };
  gateway.run(body());
}

TEST_F(WorkerRoutesTest, RoutesToAWorkerOfThisMachineThatTellsItsEndpoint) {
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await post(beat("w", kEndpoint)), StartsWith("HTTP/1.1 200 "));
    EXPECT_TRUE(gateway.fleet.serves("gpt-4"));
    EXPECT_THAT(co_await get("/v1/workers"),
                AllOf(HasSubstr(R"("routable":true,"reason":null)"),
                      HasSubstr(R"("endpoint":"http://10.0.0.7:8000")")));
    EXPECT_THAT(co_await get("/v1/models"),
                AllOf(HasSubstr(R"("id":"gpt-4")"), HasSubstr(R"("owned_by":"workers")")));
  };
  gateway.run(body());
}

TEST_F(WorkerRoutesTest, TakesAnEndpointOnlyFromWhomItKnows) {
  const auto body = [&]() -> Task<void> {
    for (const char* fields : {
             "x-forwarded-for: 127.0.0.1\r\n",     // behind a proxy that nobody trusts
             "forwarded: for=127.0.0.1\r\n",       //
             "x-real-ip: 127.0.0.1\r\n",           //
             "origin: http://localhost:3000\r\n",  // a web page on this machine
         }) {
      const std::string refused = co_await post(beat("w", kEndpoint), fields);
      EXPECT_THAT(refused, StartsWith("HTTP/1.1 403 ")) << fields;
      EXPECT_THAT(refused, HasSubstr("workers.allow"));
      EXPECT_THAT(refused, HasSubstr(R"("code":"permission_denied")"));
      EXPECT_THAT(refused, HasSubstr(R"("param":"endpoint")"));
    }
    // A page whose name was made to point here.
    EXPECT_THAT(co_await gateway.ask("POST /v1/workers/heartbeat", {}, beat("w", kEndpoint)),
                StartsWith("HTTP/1.1 403 "));
    EXPECT_TRUE(gateway.fleet.list(now()).empty());
  };
  gateway.run(body());
}

TEST_F(WorkerRoutesTest, LetsAStrangerShowAWorkerButNotTouchAnotherOnes) {
  const std::string strange = "x-forwarded-for: 203.0.113.7\r\n";
  const auto body = [&]() -> Task<void> {
    co_await post(beat("w", kEndpoint));
    for (const std::string more : {"", R"("state":"draining")", R"("boot_id":"b","seq":9)"}) {
      const std::string refused = co_await post(beat("w", more), strange);
      EXPECT_THAT(refused, AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr(R"("param":"worker_id")")));
    }
    EXPECT_TRUE(gateway.fleet.serves("gpt-4"));
    EXPECT_THAT(co_await post(beat("mine"), strange), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(co_await get("/v1/workers/mine"), HasSubstr(R"("routable":false)"));
  };
  gateway.run(body());
}

TEST_F(WorkerRoutesTest, BelievesATrustedProxyWhoSaysThatItComesFromAnAllowedNetwork) {
  gateway.config.server.trusted_proxies = {"127.0.0.0/8"};
  gateway.config.workers.allow = {"10.1.0.0/16"};
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await post(beat("w", kEndpoint), "x-forwarded-for: 10.1.2.3\r\n"),
                StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(co_await post(beat("w", kEndpoint), "x-forwarded-for: 10.2.2.3\r\n"),
                StartsWith("HTTP/1.1 403 "));
    EXPECT_THAT(co_await post(beat("w", kEndpoint), "x-forwarded-for: 10.1.2.3, 10.2.2.3\r\n"),
                StartsWith("HTTP/1.1 403 "));
  };
  gateway.run(body());
}

TEST_F(WorkerRoutesTest, WithATokenTakesNobodyWithoutIt) {
  gateway.config.workers.token = Secret("sesame");
  const auto body = [&]() -> Task<void> {
    for (const char* fields : {"", "authorization: Bearer sesam\r\n", "x-api-key: other\r\n"}) {
      EXPECT_THAT(co_await post(beat("w"), fields), StartsWith("HTTP/1.1 401 ")) << fields;
    }
    EXPECT_TRUE(gateway.fleet.list(now()).empty());
    const std::string good = "authorization: Bearer sesame\r\n";
    EXPECT_THAT(co_await post(beat("w", kEndpoint), good), StartsWith("HTTP/1.1 200 "));
    // From anywhere, then.
    EXPECT_THAT(co_await post(beat("w", kEndpoint), good + "x-forwarded-for: 203.0.113.7\r\n"),
                StartsWith("HTTP/1.1 200 "));
  };
  gateway.run(body());
}

TEST_F(WorkerRoutesTest, SaysWhatIsWrongWithAHeartbeat) {
  const auto body = [&]() -> Task<void> {
    EXPECT_THAT(co_await post("{"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(co_await post(R"({"worker_id":""})"), HasSubstr(R"("param":"worker_id")"));
    EXPECT_THAT(co_await post(R"({"worker_id":"a\nb"})"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(co_await post(beat("w", R"("endpoint":"http://user:pw@10.0.0.7")")),
                HasSubstr(R"("param":"endpoint")"));
    EXPECT_THAT(co_await gateway.ask_at(std::string(kHere), "POST /v1/workers/heartbeat",
                                        "content-length: 300000\r\n"),
                StartsWith("HTTP/1.1 413 "));
    const std::string wrong = co_await get("/v1/workers/heartbeat");
    EXPECT_THAT(wrong, AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("allow: POST\r\n")));
  };
  gateway.run(body());
}

TEST_F(WorkerRoutesTest, ShowsAKeyWhatItMayUseAndNoEndpoints) {
  gateway.config.auth.enabled = true;
  gateway.config.auth.admin_token = Secret("admin");
  config::Key& any = gateway.config.keys.emplace_back();
  any.key = Secret("sk-any");
  any.name = "any";
  config::Key& other = gateway.config.keys.emplace_back();
  other.key = Secret("sk-other");
  other.name = "other";
  other.models = {"claude-*"};
  const auto body = [&]() -> Task<void> {
    co_await post(beat("w", kEndpoint));
    EXPECT_THAT(co_await get("/v1/workers"), StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(
        co_await get("/v1/workers", "authorization: Bearer sk-any\r\n"),
        AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr(R"("id":"w")"), Not(HasSubstr("10.0.0.7"))));
    EXPECT_THAT(co_await get("/v1/workers", "authorization: Bearer sk-other\r\n"),
                HasSubstr(R"({"object":"list","data":[]})"));
    EXPECT_THAT(co_await get("/v1/workers/w", "authorization: Bearer sk-other\r\n"),
                StartsWith("HTTP/1.1 404 "));
    for (const char* path : {"/v1/workers", "/v1/workers/w", "/api/admin/workers"}) {
      EXPECT_THAT(co_await get(path, "authorization: Bearer admin\r\n"),
                  AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("10.0.0.7")))
          << path;
    }
  };
  gateway.run(body());
}

TEST_F(WorkerRoutesTest, DrainsAWorkerForAdministratorsOnly) {
  gateway.config.auth.admin_token = Secret("admin");
  const auto body = [&]() -> Task<void> {
    const auto drain = [&](std::string path, std::string fields) {
      return gateway.ask_at(std::string(kHere), "DELETE " + path, std::move(fields));
    };
    co_await post(beat("a b", kEndpoint));
    EXPECT_THAT(co_await drain("/v1/workers/a%20b", ""), StartsWith("HTTP/1.1 401 "));
    EXPECT_TRUE(gateway.fleet.serves("gpt-4"));
    const std::string admin = "authorization: Bearer admin\r\n";
    const std::string drained = co_await drain("/v1/workers/a%20b", admin);
    EXPECT_THAT(drained, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(drained, AllOf(HasSubstr(R"({"id":"a b")"), HasSubstr(R"("routable":false)"),
                               HasSubstr("drain")));
    EXPECT_FALSE(gateway.fleet.serves("gpt-4"));
    // It stays so when it beats again.
    co_await post(beat("a b", kEndpoint));
    EXPECT_FALSE(gateway.fleet.serves("gpt-4"));
    EXPECT_THAT(co_await drain("/v1/workers/other", admin), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(co_await drain("/api/admin/workers/a%20b", admin), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(co_await drain("/v1/workers", admin), StartsWith("HTTP/1.1 405 "));
  };
  gateway.run(body());
}

}  // namespace
}  // namespace sluice::api
