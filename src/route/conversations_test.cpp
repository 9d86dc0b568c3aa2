#include "route/conversations.hpp"

#include <gtest/gtest.h>

namespace sluice::route {
namespace {

TEST(Conversations, AreRememberedWithTheirLastMember) {
  Conversations all;
  EXPECT_EQ(all.member(7), std::nullopt);
  all.note(7, 2);
  all.note(8, 1);
  all.note(7, 0);
  EXPECT_EQ(all.member(7), 0);
  EXPECT_EQ(all.member(8), 1);
  EXPECT_EQ(all.member(0), std::nullopt);
  all.note(0, 3);
  EXPECT_EQ(all.member(0), 3);
}

TEST(Conversations, TheOldestMakeRoomAndMostOfTheOthersStay) {
  Conversations all;
  for (uint64_t id = 0; id < 4 * Conversations::kKept; ++id) all.note(id, id % 5);
  size_t found = 0;
  for (uint64_t id = 4 * Conversations::kKept - 4096; id < 4 * Conversations::kKept; ++id) {
    const auto member = all.member(id);
    if (!member) continue;
    ++found;
    EXPECT_EQ(*member, id % 5);
  }
  EXPECT_GT(found, 4000);
  EXPECT_EQ(all.member(1), std::nullopt);
}

}  // namespace
}  // namespace sluice::route
