#include "quota/headers.hpp"

#include <gmock/gmock.h>

namespace sluice::quota {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(LimitHeaders, WriteDurationsLikeOpenAi) {
  const std::pair<Duration, const char*> cases[] = {
      {{}, "0s"},
      {seconds(-1), "0s"},
      {nanoseconds(1), "1ms"},
      {milliseconds(20), "20ms"},
      {milliseconds(20) + nanoseconds(1), "21ms"},
      {milliseconds(999) + nanoseconds(1), "1s"},
      {seconds(1), "1s"},
      {milliseconds(8640), "8.64s"},
      {milliseconds(59'001), "59.001s"},
      {minutes(6), "6m0s"},
      {minutes(1) + milliseconds(1500), "1m1.5s"},
      {hours(1) + seconds(5), "1h0m5s"},
      {hours(100), "100h0m0s"},
  };
  for (const auto& [duration, text] : cases) EXPECT_EQ(duration_text(duration), text);
}

TEST(LimitHeaders, TellOnlyOfLimitsThatThereAre) {
  EXPECT_THAT(limit_headers({}), IsEmpty());
  LimitState state;
  state.tokens = {.limit = 1000, .remaining = 250, .reset = seconds(45)};
  EXPECT_THAT(limit_headers(state), ElementsAre(Pair("x-ratelimit-limit-tokens", "1000"),
                                                Pair("x-ratelimit-remaining-tokens", "250"),
                                                Pair("x-ratelimit-reset-tokens", "45s")));
  state.requests = {.limit = 60, .remaining = 0, .reset = minutes(1)};
  state.tokens.reset();
  EXPECT_THAT(limit_headers(state), ElementsAre(Pair("x-ratelimit-limit-requests", "60"),
                                                Pair("x-ratelimit-remaining-requests", "0"),
                                                Pair("x-ratelimit-reset-requests", "1m0s")));
}

}  // namespace
}  // namespace sluice::quota
