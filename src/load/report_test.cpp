#include "load/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json/reader.hpp"
#include "load/request.hpp"

namespace sluice::load {
namespace {

using testing::HasSubstr;
using testing::Not;

Report some_report() {
  Report report;
  report.target = "http://127.0.0.1:1/v1/chat/completions";
  report.window = std::chrono::seconds(2);
  report.options.concurrency = 3;
  report.tally.started = 13;
  report.tally.ok = 10;
  report.tally.events = 100;
  report.tally.failed[static_cast<size_t>(Failure::kStatus)] = 2;
  report.tally.statuses[429] = 2;
  report.tally.total.record(std::chrono::milliseconds(5));
  report.tally.resets = {17, 18};
  report.cpu = {{.pid = 42, .used = std::chrono::milliseconds(1)}};
  return report;
}

TEST(Report, JsonIsValidAndComplete) {
  const std::string json = to_json(some_report());
  EXPECT_TRUE(json::valid(json)) << json;
  EXPECT_THAT(json, HasSubstr(R"("ok":10)"));
  EXPECT_THAT(json, HasSubstr(R"("unfinished":1)"));
  EXPECT_THAT(json, HasSubstr(R"("statuses":{"429":2})"));
  EXPECT_THAT(json, HasSubstr(R"("us_per_event":10)"));
  EXPECT_THAT(json, HasSubstr(R"("resets_ns":[17,18])"));
  EXPECT_THAT(json, HasSubstr(R"("events_per_second":50)"));
}

TEST(Report, TableSaysWhetherTimesHideWaiting) {
  Report report = some_report();
  EXPECT_THAT(to_table(report), HasSubstr("Closed loop"));
  EXPECT_THAT(to_table(report), HasSubstr("2 HTTP 429"));
  report.options.rate = 50;
  EXPECT_THAT(to_table(report), Not(HasSubstr("Closed loop")));
  EXPECT_THAT(to_table(report), HasSubstr("due"));
}

TEST(Options, DurationsNeedTheirUnit) {
  EXPECT_EQ(parse_duration("250ms"), Duration(std::chrono::milliseconds(250)));
  EXPECT_EQ(parse_duration("1.5s"), Duration(std::chrono::milliseconds(1500)));
  EXPECT_EQ(parse_duration("2m"), Duration(std::chrono::minutes(2)));
  EXPECT_EQ(parse_duration("0"), Duration::zero());
  for (const char* bad : {"", "5", "s", "-1s", "1 s", "1sec", "nan", "inf", "1e300h", "1s1"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Options, WithoutABoundARunTakesTenSeconds) {
  Options options;
  ASSERT_TRUE(complete(options));
  EXPECT_EQ(options.duration, Duration(std::chrono::seconds(10)));
  EXPECT_EQ(options.concurrency, 10U);
}

TEST(Options, RefusesWhatCannotBeDone) {
  const auto refused = [](auto change) {
    Options options;
    change(options);
    return !complete(options);
  };
  EXPECT_TRUE(refused([](Options& o) { o.abort = 1.5; }));
  EXPECT_TRUE(refused([](Options& o) { o.rate = -1; }));
  EXPECT_TRUE(refused([](Options& o) { o.threads = 0; }));
  EXPECT_TRUE(refused([](Options& o) { o.headers = {"no colon"}; }));
  EXPECT_TRUE(refused([](Options& o) { o.headers = {"a: b\r\nc: d"}; }));
  EXPECT_TRUE(refused([](Options& o) { o.concurrency = 2'000'000'000; }));
  EXPECT_TRUE(refused([](Options& o) { o.stream = false, o.abort = 0.5; }));
}

TEST(Request, BaseUrlsWithAndWithoutV1AreTheSame) {
  Options options;
  ASSERT_TRUE(complete(options));
  for (const char* url : {"http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/"}) {
    options.url = url;
    const auto request = make_request(options);
    ASSERT_TRUE(request) << url;
    EXPECT_EQ(request->target, "http://127.0.0.1:8080/v1/chat/completions");
    EXPECT_THAT(request->head, HasSubstr("\r\nhost: 127.0.0.1:8080\r\n"));
  }
  options.url = "ftp://x";
  EXPECT_FALSE(make_request(options));
}

TEST(Request, PresentsTheKeyAsTheDialectDoes) {
  Options options;
  options.key = "sk-1";
  ASSERT_TRUE(complete(options));
  EXPECT_THAT(make_request(options)->head, HasSubstr("\r\nauthorization: Bearer sk-1\r\n"));
  options.dialect = Dialect::kAnthropic;
  const auto request = make_request(options);
  EXPECT_THAT(request->head, HasSubstr("POST /v1/messages "));
  EXPECT_THAT(request->head, HasSubstr("\r\nx-api-key: sk-1\r\n"));
  EXPECT_THAT(request->head, HasSubstr(fmt::format("content-length: {}", request->body.size())));
  EXPECT_TRUE(json::valid(request->body));
}

}  // namespace
}  // namespace sluice::load
