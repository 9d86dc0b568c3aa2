#include "workers/prefix_index.hpp"

#include <gmock/gmock.h>

#include <numeric>
#include <string>

namespace sluice::workers {
namespace {

using testing::ElementsAre;

std::vector<uint64_t> blocks_from(uint64_t first, size_t count) {
  std::vector<uint64_t> blocks(count);
  std::iota(blocks.begin(), blocks.end(), first);
  return blocks;
}

std::vector<uint32_t> matched(const PrefixIndex& index, const std::vector<uint64_t>& prefix,
                              const std::vector<uint32_t>& workers) {
  std::vector<uint32_t> counts(workers.size(), 77);
  index.match(prefix, workers, counts);
  return counts;
}

TEST(PrefixBlocks, AreEqualAsFarAsTwoPromptsBeginAlike) {
  const std::string common(3 * kPrefixBlockBytes, 'a');
  const auto one = prefix_blocks(common + std::string(kPrefixBlockBytes, 'b'));
  const auto other = prefix_blocks(common + std::string(kPrefixBlockBytes, 'c'));
  ASSERT_EQ(one.size(), 4U);
  ASSERT_EQ(other.size(), 4U);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(one[i], other[i]);
  EXPECT_NE(one[3], other[3]);
}

TEST(PrefixBlocks, CoverAllThatStandsBefore) {
  const std::string same(kPrefixBlockBytes, 's');
  const auto one = prefix_blocks(std::string(kPrefixBlockBytes, 'a') + same);
  const auto other = prefix_blocks(std::string(kPrefixBlockBytes, 'b') + same);
  EXPECT_NE(one[1], other[1]);
  // A block that repeats is another one each time.
  const auto again = prefix_blocks(same + same);
  EXPECT_NE(again[0], again[1]);
}

TEST(PrefixBlocks, LeaveOutWhatIsLeftOverAndWhatIsTooMuch) {
  EXPECT_TRUE(prefix_blocks(std::string(kPrefixBlockBytes - 1, 'a')).empty());
  EXPECT_EQ(prefix_blocks(std::string(2 * kPrefixBlockBytes + 5, 'a')).size(), 2U);
  EXPECT_EQ(prefix_blocks(std::string(9 * kPrefixBlockBytes, 'a'), 4).size(), 4U);
}

TEST(PrefixIndex, TellsHowMuchOfTheBeginningEachWorkerHas) {
  PrefixIndex index;
  for (uint32_t worker = 0; worker < 3; ++worker) index.add_worker(worker, 100);
  index.note(0, blocks_from(1, 4));
  index.note(2, blocks_from(1, 2));
  EXPECT_THAT(matched(index, blocks_from(1, 6), {0, 1, 2}), ElementsAre(4, 0, 2));
  EXPECT_THAT(matched(index, blocks_from(1, 6), {2, 0}), ElementsAre(2, 4));
  EXPECT_THAT(matched(index, blocks_from(1, 1), {2, 0}), ElementsAre(1, 1));
  EXPECT_THAT(matched(index, {}, {2, 0}), ElementsAre(0, 0));
}

TEST(PrefixIndex, CountsOnlyFromTheBeginning) {
  PrefixIndex index;
  index.add_worker(0, 100);
  index.note(0, blocks_from(1, 4));
  EXPECT_THAT(matched(index, {9, 2, 3, 4}, {0}), ElementsAre(0));
  EXPECT_THAT(matched(index, {1, 2, 9, 4}, {0}), ElementsAre(2));
}

TEST(PrefixIndex, ForgetsWhatWasLongestUnusedFirst) {
  PrefixIndex index;
  index.add_worker(0, 6);
  index.note(0, blocks_from(10, 3));
  index.note(0, blocks_from(20, 3));
  index.note(0, blocks_from(10, 3));  // used again
  index.note(0, blocks_from(30, 2));
  EXPECT_THAT(matched(index, blocks_from(10, 3), {0}), ElementsAre(3));
  // Its later blocks have gone before its first.
  EXPECT_THAT(matched(index, blocks_from(20, 3), {0}), ElementsAre(1));
  EXPECT_THAT(matched(index, blocks_from(30, 2), {0}), ElementsAre(2));
}

TEST(PrefixIndex, HoldsNoMoreThanAWorkersCache) {
  PrefixIndex index;
  index.add_worker(0, 50);
  for (uint64_t i = 0; i < 1000; ++i) index.note(0, blocks_from(1000 * i, 8));
  EXPECT_EQ(index.held(0), 50U);
  EXPECT_EQ(index.size(), 50U);
  // A prompt that is longer than the cache: as much of it as fits.
  index.note(0, blocks_from(5'000'000, 80));
  EXPECT_THAT(matched(index, blocks_from(5'000'000, 80), {0}), ElementsAre(50));
  EXPECT_EQ(index.held(0), 50U);
}

TEST(PrefixIndex, ForgetsAWorkerButNotTheOthers) {
  PrefixIndex index;
  index.add_worker(0, 50);
  index.add_worker(1, 50);
  index.note(0, blocks_from(1, 5));
  index.note(1, blocks_from(1, 5));
  index.forget_worker(0);
  EXPECT_EQ(index.held(0), 0U);
  EXPECT_EQ(index.size(), 5U);
  EXPECT_THAT(matched(index, blocks_from(1, 5), {0, 1}), ElementsAre(0, 5));
  index.note(0, blocks_from(1, 2));
  EXPECT_THAT(matched(index, blocks_from(1, 5), {0, 1}), ElementsAre(2, 5));
}

TEST(PrefixIndex, GivesANumberThatIsUsedAgainNothingOfTheOneBefore) {
  PrefixIndex index;
  index.add_worker(0, 50);
  index.note(0, blocks_from(1, 5));
  index.add_worker(0, 2);
  EXPECT_THAT(matched(index, blocks_from(1, 5), {0}), ElementsAre(0));
  index.note(0, blocks_from(1, 5));
  EXPECT_THAT(matched(index, blocks_from(1, 5), {0}), ElementsAre(2));
}

TEST(PrefixIndex, KnowsNothingOfWorkersThatWereNotAdded) {
  PrefixIndex index;
  index.note(7, blocks_from(1, 5));
  index.forget_worker(7);
  EXPECT_EQ(index.held(7), 0U);
  EXPECT_THAT(matched(index, blocks_from(1, 5), {7}), ElementsAre(0));
}

TEST(PrefixIndex, TellsHundredsOfWorkersApart) {
  PrefixIndex index;
  std::vector<uint32_t> workers(200);
  std::iota(workers.begin(), workers.end(), 0);
  for (const uint32_t worker : workers) {
    index.add_worker(worker, 1000);
    index.note(worker, blocks_from(1, worker));
  }
  EXPECT_EQ(matched(index, blocks_from(1, 500), workers), workers);
  index.forget_worker(130);
  EXPECT_EQ(matched(index, blocks_from(1, 500), {129, 130, 131}),
            (std::vector<uint32_t>{129, 0, 131}));
}

}  // namespace
}  // namespace sluice::workers
