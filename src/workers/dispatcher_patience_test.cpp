// What becomes of those that wait when places become free more slowly than they did.
#include <algorithm>

#include "workers/test_dispatch.hpp"

namespace sluice::workers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(Dispatch, WhoWillNotBeServedInTimeAnyMoreGoesElsewhereBeforeTheEndOfItsPatience) {
  worker("w", 1);
  teach(seconds(1));
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    ASSERT_EQ(request(or_elsewhere(ask()), name).kind, Verdict::kQueued);
  }
  pass(milliseconds(100));
  dispatcher_.tick(now_);
  EXPECT_EQ(dispatcher_.waiting(), 5);
  // At a second each the last is served in 5 of its 10 s. Now nothing ends.
  pass(seconds(5));
  dispatcher_.tick(now_);
  ASSERT_FALSE(called_.empty());
  EXPECT_EQ(called_.back(), "e");
  const auto ticket = tickets_.at("e");
  EXPECT_FALSE(Dispatcher::take(*ticket));
  EXPECT_EQ(dispatcher_.leave(*ticket, now_).kind, Verdict::kElsewhere);
  EXPECT_EQ(std::ranges::count(called_, "a"), 0);
  EXPECT_EQ(std::ranges::count(called_, "b"), 0);
}

TEST_F(Dispatch, WhoCannotGoElsewhereWaitsOnHoweverSlowItBecomes) {
  worker("w", 1);
  teach(seconds(1));
  for (int i = 0; i < 5; ++i) ASSERT_EQ(request(ask()).kind, Verdict::kQueued);
  const size_t called = called_.size();
  for (int i = 0; i < 8; ++i) {
    pass(seconds(1));
    dispatcher_.tick(now_);
  }
  EXPECT_EQ(called_.size(), called);
}

TEST_F(Dispatch, ASteadyPaceSendsNobodyAway) {
  worker("w", 1);
  teach(seconds(1));
  for (int i = 0; i < 7; ++i) ASSERT_EQ(request(or_elsewhere(ask())).kind, Verdict::kQueued);
  const size_t before = called_.size();
  // Not to the clock: between 0.6 and 1.4 s.
  for (int i = 0; i < 7; ++i) {
    for (int j = 0; j < 4; ++j) {
      pass(milliseconds(i % 2 == 0 ? 150 : 350));
      dispatcher_.tick(now_);
    }
    finish();
  }
  EXPECT_EQ(called_.size() - before, 7);
  EXPECT_EQ(running_.size(), 1);
}

}  // namespace
}  // namespace sluice::workers
