#include "observe/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "observe/exposition.hpp"

namespace sluice::observe {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

const RequestLabels kChat{"/v1/chat/completions", "openai", "openai-main", "gpt-4o"};

TEST(Metrics, CountsARequestUnderItsLabelsAndStatus) {
  Metrics metrics("1.2.3");
  LoopMetrics& loop = metrics.add_loop();
  RequestSeries* series = loop.series(kChat);
  loop.finished(*series, 200, 3ms, now());
  loop.finished(*series, 200, 3ms, now());
  loop.finished(*series, 502, 3ms, now());

  const std::string text = metrics.prometheus();
  const std::string labels =
      R"(route="/v1/chat/completions",dialect="openai",provider="openai-main",model="gpt-4o")";
  EXPECT_THAT(text, HasSubstr("gateway_requests_total{" + labels + ",status=\"200\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("gateway_requests_total{" + labels + ",status=\"502\"} 1\n"));
  EXPECT_THAT(
      text, HasSubstr("gateway_request_duration_seconds_bucket{" + labels + ",le=\"0.002\"} 0\n"));
  EXPECT_THAT(
      text, HasSubstr("gateway_request_duration_seconds_bucket{" + labels + ",le=\"0.004\"} 3\n"));
  EXPECT_THAT(text,
              HasSubstr("gateway_request_duration_seconds_bucket{" + labels + ",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("gateway_request_duration_seconds_count{" + labels + "} 3\n"));
}

TEST(Metrics, LoopsAreAddedUp) {
  Metrics metrics("1.2.3");
  for (int i = 0; i < 3; ++i) {
    LoopMetrics& loop = metrics.add_loop();
    RequestSeries* series = loop.series(kChat);
    loop.finished(*series, 200, 1ms, now());
    series->tokens_in.add(5);
    series->tokens_out.add(7);
    loop.active_streams.add(2);
    loop.cancelled(CancelReason::kClientGone);
    loop.retried(RetryReason::kRateLimited);
    loop.malformed_events.add();
  }
  const std::string text = metrics.prometheus();
  EXPECT_THAT(text, HasSubstr("status=\"200\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("gateway_tokens_total{direction=\"input\",provider=\"openai-main\","
                              "model=\"gpt-4o\"} 15\n"));
  EXPECT_THAT(text, HasSubstr("gateway_tokens_total{direction=\"output\",provider=\"openai-main\","
                              "model=\"gpt-4o\"} 21\n"));
  EXPECT_THAT(text, HasSubstr("gateway_active_streams 6\n"));
  EXPECT_THAT(text, HasSubstr("gateway_upstream_cancels_total{reason=\"client_gone\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("gateway_retries_total{reason=\"rate_limited\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("gateway_malformed_events_total 3\n"));
}

TEST(Metrics, TheSameLabelsAreTheSameSeries) {
  LoopMetrics loop;
  RequestSeries* first = loop.series(kChat);
  const std::string copy(kChat.model);
  EXPECT_EQ(loop.series({kChat.route, kChat.dialect, kChat.provider, copy}), first);
  EXPECT_NE(loop.series({kChat.route, kChat.dialect, kChat.provider, "other"}), first);
}

TEST(Metrics, SeriesAreCappedAndTheRestGoesToOther) {
  Metrics metrics("1.2.3");
  LoopMetrics& loop = metrics.add_loop();
  std::set<RequestSeries*> seen;
  for (size_t i = 0; i < LoopMetrics::kMaxSeries + 100; ++i) {
    seen.insert(loop.series({"/v1/messages", "anthropic", "p", std::to_string(i)}));
  }
  EXPECT_EQ(seen.size(), LoopMetrics::kMaxSeries + 1);
  RequestSeries* beyond = loop.series({"/v1/messages", "anthropic", "p", "one more"});
  loop.finished(*beyond, 200, 1ms, now());
  EXPECT_THAT(metrics.prometheus(),
              HasSubstr(R"({route="other",dialect="other",provider="other",model="other",)"
                        R"(status="200"} 1)"));
}

TEST(Metrics, UnusualStatusesCannotGrowTheTable) {
  StatusCounts counts;
  for (int status = 400; status < 600; ++status) counts.add(status);
  counts.add(-1);
  counts.add(70'000);
  uint64_t total = 0;
  uint64_t other = 0;
  int slots = 0;
  counts.for_each([&](int status, uint64_t n) {
    ++slots;
    total += n;
    if (status == 0) other += n;
  });
  EXPECT_EQ(total, 202U);
  EXPECT_EQ(slots, 24);
  EXPECT_EQ(other, 202U - 23U);
}

TEST(Metrics, LabelsAreEscaped) {
  Metrics metrics("1.2.3");
  LoopMetrics& loop = metrics.add_loop();
  loop.finished(*loop.series({"/x", "", "a\"b\\c\nd", "m"}), 200, 1ms, now());
  EXPECT_THAT(metrics.prometheus(),
              HasSubstr(R"({route="/x",dialect="none",provider="a\"b\\c\nd",model="m",)"));
}

TEST(Metrics, EveryFamilyHasHelpAndTypeAndOnlyItsOwnSamples) {
  Metrics metrics("1.2.3", "release");
  LoopMetrics& loop = metrics.add_loop();
  RequestSeries* series = loop.series(kChat);
  series->first_token.record(20ms);
  series->between_tokens.record(10ms);
  series->overhead.record(100us);
  loop.finished(*series, 200, 1s, now());
  metrics.ask_workers(
      [] { return FleetFigures{.queues = {{.model = "m"}}, .workers = {{.worker = "w"}}}; });

  std::istringstream lines(metrics.prometheus());
  std::string line, family;
  std::set<std::string> families;
  bool typed = false;
  while (std::getline(lines, line)) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family << " appears twice";
      typed = false;
    } else if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(line.starts_with("# TYPE " + family + " ")) << line;
      typed = true;
    } else {
      EXPECT_TRUE(typed) << line;
      EXPECT_TRUE(line.starts_with(family)) << line;
      EXPECT_NE(line.find_last_of(' '), std::string::npos);
    }
  }
  for (const char* name : {"gateway_requests_total",
                           "gateway_request_duration_seconds",
                           "gateway_time_to_first_token_seconds",
                           "gateway_inter_token_seconds",
                           "gateway_overhead_seconds",
                           "gateway_tokens_total",
                           "gateway_active_streams",
                           "gateway_upstream_cancels_total",
                           "gateway_malformed_events_total",
                           "gateway_retries_total",
                           "gateway_rate_limit_hits_total",
                           "gateway_budget_cutoffs_total",
                           "gateway_count_mismatches_total",
                           "gateway_queue_depth",
                           "gateway_queue_oldest_wait_seconds",
                           "gateway_saturation",
                           "gateway_desired_workers",
                           "gateway_worker_score",
                           "gateway_worker_free_vram_bytes",
                           "gateway_worker_active",
                           "gateway_worker_ledger_drift",
                           "gateway_workers",
                           "gateway_circuit_breaker_state",
                           "gateway_heartbeats_total",
                           "gateway_build_info",
                           "process_cpu_seconds_total",
                           "process_resident_memory_bytes",
                           "process_open_fds",
                           "process_max_fds",
                           "process_start_time_seconds"}) {
    EXPECT_TRUE(families.contains(name)) << name;
  }
}

TEST(Metrics, AsksTheLedgerWhileThereIsOne) {
  Metrics metrics("v");
  EXPECT_THAT(metrics.prometheus(), Not(HasSubstr("gateway_ledger_")));
  metrics.ask_ledger([] {
    return LedgerFigures{.lag = std::chrono::milliseconds(1500),
                         .settlements = 70,
                         .groups = 7,
                         .failures = 3,
                         .dead_letters = 2,
                         .waiting = 5};
  });
  const std::string text = metrics.prometheus();
  EXPECT_THAT(text, HasSubstr("\ngateway_ledger_lag_seconds 1.5\n"));
  EXPECT_THAT(text, HasSubstr("\ngateway_ledger_waiting 5\n"));
  EXPECT_THAT(text, HasSubstr("\ngateway_ledger_settlements_total 70\n"));
  EXPECT_THAT(text, HasSubstr("\ngateway_ledger_groups_total 7\n"));
  EXPECT_THAT(text, HasSubstr("\ngateway_ledger_failures_total 3\n"));
  EXPECT_THAT(text, HasSubstr("\ngateway_ledger_dead_letters_total 2\n"));
  metrics.ask_ledger({});
  EXPECT_THAT(metrics.prometheus(), Not(HasSubstr("gateway_ledger_")));
}

TEST(Metrics, AStreamThatStillRunsAlreadyShowsItsTokens) {
  Metrics metrics("1.2.3");
  RequestSeries* series = metrics.add_loop().series(kChat);
  series->between_tokens.record(10ms);
  EXPECT_THAT(metrics.prometheus(), HasSubstr("gateway_inter_token_seconds_count"));
  EXPECT_THAT(metrics.prometheus(), Not(HasSubstr("gateway_request_duration_seconds_count")));
}

TEST(MetricsJson, HasTheSeedsFieldsAndTheRates) {
  Totals totals;
  totals.version = "1.2.3";
  totals.uptime = 90s;
  totals.live_requests = 4;
  totals.requests_per_second = 2.5;
  totals.process.heap_used_bytes = 3 << 20;
  totals.process.heap_total_bytes = 5 << 20;
  RequestSeries series;
  for (int i = 0; i < 6; ++i) series.statuses.add(200);
  series.statuses.add(404);
  series.statuses.add(499);
  series.statuses.add(500);
  series.statuses.add(529);
  for (int i = 0; i < 10; ++i) series.duration.record(20ms);
  totals.add(series);

  const std::string json = render_json(totals);
  EXPECT_THAT(json, HasSubstr(R"("memory_alloc_mb":3,"memory_total_alloc_mb":5)"));
  EXPECT_THAT(json, HasSubstr(R"("goroutines":4)"));
  EXPECT_THAT(json, HasSubstr(R"("uptime_seconds":90)"));
  EXPECT_THAT(json, HasSubstr(R"("total_requests":10)"));
  EXPECT_THAT(json, HasSubstr(R"("avg_response_time_ms":20)"));
  EXPECT_THAT(json, HasSubstr(R"("requests_per_second":2.5)"));
  EXPECT_THAT(json, HasSubstr(R"("error_rate":{"4xx":0.2,"5xx":0.2})"));
  EXPECT_THAT(json, HasSubstr(R"("max":20,)"));
  EXPECT_THAT(json, HasSubstr(R"("version":"1.2.3")"));
  for (const char* name :
       {"response_time_ms", "p95", "p99", "cpu_percent", "network_bytes", "active_connections"}) {
    EXPECT_THAT(json, HasSubstr(std::string("\"") + name + "\":"));
  }
}

TEST(MetricsJson, NothingDividesByZeroBeforeTheFirstRequest) {
  const std::string json = Metrics("1.2.3").json();
  EXPECT_THAT(json, HasSubstr(R"("total_requests":0)"));
  EXPECT_THAT(json, HasSubstr(R"("error_rate":{"4xx":0,"5xx":0})"));
  EXPECT_THAT(json, Not(HasSubstr("nan")));
  EXPECT_THAT(json, Not(HasSubstr("null")));
}

TEST(Metrics, AScrapeBesideAWritingLoopSeesWholeSeries) {
  Metrics metrics("1.2.3");
  LoopMetrics& loop = metrics.add_loop();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 2000; ++i) {
      RequestSeries* series = loop.series({"/r", "d", "p", std::to_string(i % 300)});
      series->between_tokens.record(1ms);
      loop.finished(*series, 200, 1ms, now());
    }
    done = true;
  });
  while (!done) EXPECT_THAT(metrics.prometheus(), HasSubstr("gateway_build_info"));
  writer.join();
  EXPECT_THAT(metrics.json(), HasSubstr(R"("total_requests":2000)"));
}

}  // namespace
}  // namespace sluice::observe
