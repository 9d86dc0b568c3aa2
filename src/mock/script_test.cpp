#include "mock/script.hpp"

#include <gtest/gtest.h>

namespace sluice::mock {
namespace {

Script read(std::string_view model) {
  const auto script = parse_script(model);
  EXPECT_TRUE(script.has_value()) << (script ? "" : script.error().message);
  return script.value_or(Script{});
}

std::string complaint(std::string_view model) {
  const auto script = parse_script(model);
  return script ? "none" : script.error().message;
}

TEST(Script, ReadsEveryPart) {
  const Script script =
      read("mock-c7-i10-b3-f250-e503-r9-x4-s5-m6-d0-u0-t-k-z11-n2-l100-h8-q3-p2-g1-j-o-v-w-y-a4");
  EXPECT_TRUE(script.scripted);
  EXPECT_EQ(script.events, 7U);
  EXPECT_EQ(script.interval_ms, 10U);
  EXPECT_EQ(script.words, 3U);
  EXPECT_EQ(script.first_ms, 250U);
  EXPECT_EQ(script.error_status, 503);
  EXPECT_EQ(script.retry_after, 9U);
  EXPECT_EQ(script.reset_after, 4U);
  EXPECT_EQ(script.silent_after, 5U);
  EXPECT_EQ(script.malformed_event, 6U);
  EXPECT_FALSE(script.terminal);
  EXPECT_FALSE(script.usage);
  EXPECT_TRUE(script.tools);
  EXPECT_TRUE(script.thinking);
  EXPECT_EQ(script.split, 11U);
  EXPECT_EQ(script.failing_attempts, 2U);
  EXPECT_EQ(script.context, 100U);
  EXPECT_EQ(script.cached, 8U);
  EXPECT_EQ(script.error_after, 3U);
  EXPECT_EQ(script.pauses, 2U);
  EXPECT_TRUE(script.filtered);
  EXPECT_FALSE(script.refuses);
  EXPECT_TRUE(read("mock-g0").refuses);
  EXPECT_TRUE(script.fenced_json);
  EXPECT_TRUE(script.interleaved);
  EXPECT_TRUE(script.strict_history);
  EXPECT_FALSE(script.finish);
  EXPECT_TRUE(script.other_reasoning);
  EXPECT_EQ(script.oddity, kUsageEverywhere);
}

TEST(Script, NeedsNoPart) {
  const Script script = read("mock");
  EXPECT_EQ(script.events, 20U);
  EXPECT_EQ(script.interval_ms, 0U);
  EXPECT_FALSE(script.reset_after.has_value());
}

TEST(Script, LeavesOtherNamesToTheDefaultAnswer) {
  for (const char* name : {"gpt-4o", "claude-sonnet-4-6", "text-embedding-3-small", "moc-c3"}) {
    const Script script = read(name);
    EXPECT_FALSE(script.scripted) << name;
    EXPECT_EQ(script.events, 24U) << name;
    EXPECT_EQ(script.interval_ms, 20U) << name;
  }
}

TEST(Script, NamesThePartThatItDoesNotKnow) {
  EXPECT_NE(complaint("mock-c3-Q5").find("\"Q5\""), std::string::npos);
  EXPECT_NE(complaint("mock-cx").find("\"cx\""), std::string::npos);
  EXPECT_NE(complaint("mock-c").find("\"c\""), std::string::npos);
  EXPECT_NE(complaint("mock-t1").find("\"t1\""), std::string::npos);
  EXPECT_NE(complaint("mock-c-3").find("\"c\""), std::string::npos);
  EXPECT_NE(complaint("mock-c+3").find("\"c+3\""), std::string::npos);
}

TEST(Script, RefusesWhatCannotBeMeant) {
  for (const char* name : {"mockery",
                           "mock-",
                           "mock--c3",
                           "mock-c3-",
                           "mock-c3-c4",
                           "mock-d1",
                           "mock-u1",
                           "mock-e200",
                           "mock-e600",
                           "mock-b0",
                           "mock-z0",
                           "mock-n0",
                           "mock-m0",
                           "mock-r5",
                           "mock-i3600001",
                           "mock-c99999999999999999999",
                           "mock-c100000-b1000",
                           "mock-g2",
                           "mock-p0",
                           "mock-a0",
                           "mock-a10"}) {
    EXPECT_NE(complaint(name), "none") << name;
  }
}

TEST(Script, FailsTheFirstAttemptsOnly) {
  const Script plain = read("mock-n2");
  EXPECT_EQ(plain.for_attempt(1).error_status, 500);
  EXPECT_EQ(plain.for_attempt(2).error_status, 500);
  EXPECT_EQ(plain.for_attempt(3).error_status, 0);

  const Script limited = read("mock-n1-e429-r3");
  EXPECT_EQ(limited.for_attempt(1).error_status, 429);
  EXPECT_EQ(limited.for_attempt(1).retry_after, 3U);
  EXPECT_EQ(limited.for_attempt(2).error_status, 0);

  const Script reset = read("mock-n1-x2");
  EXPECT_EQ(reset.for_attempt(1).error_status, 0);
  EXPECT_EQ(reset.for_attempt(1).reset_after, 2U);
  EXPECT_FALSE(reset.for_attempt(2).reset_after.has_value());
}

TEST(Script, FailsAlwaysWithoutANumberOfAttempts) {
  EXPECT_EQ(read("mock-e503").for_attempt(1000).error_status, 503);
}

}  // namespace
}  // namespace sluice::mock
