#include "discovery/verdict.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sluice::discovery {
namespace {

/// The state after each check of "+" and "-", as "?", "+" or "-".
std::string states(std::string_view checks, int healthy_after, int unhealthy_after) {
  Verdict verdict;
  std::string out;
  for (const char check : checks) {
    const Verdict::State before = verdict.state();
    const bool changed = verdict.add(check == '+', healthy_after, unhealthy_after);
    EXPECT_EQ(changed, before != verdict.state());
    out += verdict.healthy() ? '+' : '-';
  }
  return out;
}

TEST(Verdict, GoesByTheFirstCheckAlone) {
  EXPECT_EQ(states("+", 3, 3), "+");
  EXPECT_EQ(states("-", 3, 3), "-");
  EXPECT_EQ(Verdict().state(), Verdict::State::kUnknown);
}

TEST(Verdict, ChangesAfterSoManyInARowOnly) {
  EXPECT_EQ(states("+---", 2, 3), "+++-");
  EXPECT_EQ(states("-++", 2, 3), "--+");
  EXPECT_EQ(states("+--+--+---", 2, 3), "+++++++++-");
  EXPECT_EQ(states("-+-+-++", 2, 3), "------+");
  EXPECT_EQ(states("+-+", 1, 1), "+-+");
}

}  // namespace
}  // namespace sluice::discovery
