#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sluice {
namespace {

TEST(Ids, SortByTheirTimeAndDifferWithinIt) {
  std::string before;
  for (const int64_t millis : {0L, 1L, 35L, 36L, 1'795'267'064'905L, 1'795'267'064'906L}) {
    const std::string id = make_ordered_id("use_", millis);
    EXPECT_EQ(id.size(), 29U);
    EXPECT_LT(before, id.substr(0, 13));
    before = id.substr(0, 13);
  }
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(make_ordered_id("use_", 7));
  EXPECT_EQ(seen.size(), 10'000U);
}

}  // namespace
}  // namespace sluice
