#include "load/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "json/reader.hpp"
#include "load/test_upstream.hpp"

namespace sluice::load {
namespace {

using testing::HasSubstr;

// The exit status of a run, and what it printed.
std::pair<int, std::string> output_of(const Options& options) {
  testing::internal::CaptureStdout();
  const int status = run(options);
  return {status, testing::internal::GetCapturedStdout()};
}

TEST(Run, SharesTheRequestsAmongThreadsAndAddsUpWhatTheySaw) {
  Upstream upstream(StreamOf{3});
  Options options;
  options.url = upstream.url();
  options.requests = 10;
  options.concurrency = 5;
  options.threads = 3;
  options.json = true;
  const auto [status, json] = output_of(options);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(upstream.requests(), 10U);
  EXPECT_TRUE(json::valid(json.substr(0, json.size() - 1)));
  EXPECT_THAT(json, HasSubstr(R"("ok":10)"));
  EXPECT_THAT(json, HasSubstr(R"("content_events":30)"));
}

TEST(Run, MoreThreadsThanRequestsIsNoReasonToSendMore) {
  Upstream upstream(StreamOf{1});
  Options options;
  options.url = upstream.url();
  options.requests = 2;
  options.threads = 4;
  EXPECT_EQ(output_of(options).first, 0);
  EXPECT_EQ(upstream.requests(), 2U);
}

TEST(Run, TellsHowLongItMeasuredAndWhatProcessorTimeWasUsedMeanwhile) {
  Upstream upstream(StreamOf{1});
  Options options;
  options.url = upstream.url();
  options.warmup = std::chrono::milliseconds(20);
  options.duration = std::chrono::milliseconds(50);
  options.cpu_of = {getpid()};
  options.json = true;
  const auto [status, json] = output_of(options);
  EXPECT_EQ(status, 0);
  constexpr std::string_view kName = R"("measured_seconds":)";
  const size_t at = json.find(kName);
  ASSERT_NE(at, std::string::npos);
  // Less than was asked for where its beginning was noticed late, never nothing.
  EXPECT_GT(std::strtod(json.c_str() + at + kName.size(), nullptr), 0.0);
  EXPECT_THAT(json, HasSubstr(R"("cpu":[{"pid":)"));
}

TEST(Run, FailedRequestsAreItsExitStatus) {
  Upstream upstream(StatusOf{500});
  Options options;
  options.url = upstream.url();
  options.requests = 3;
  const auto [status, table] = output_of(options);
  EXPECT_EQ(status, 1);
  EXPECT_THAT(table, HasSubstr("3 HTTP 500"));
}

TEST(Run, WhatCannotBeRunIsToldInOneLine) {
  Options options;
  options.url = "nonsense";
  testing::internal::CaptureStderr();
  EXPECT_EQ(run(options), 2);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("sluice bench: --url"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  options.url = "http://127.0.0.1:1";
  options.cpu_of = {999'999'999};
  EXPECT_EQ(run(options), 2);
}

}  // namespace
}  // namespace sluice::load
