#include "observe/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/clock.hpp"

namespace sluice::observe {
namespace {

TEST(ProcessStats, TellsThisProcess) {
  const ProcessStats stats = process_stats();
  EXPECT_GT(stats.resident_bytes, 1U << 20);
  EXPECT_GT(stats.virtual_bytes, stats.resident_bytes);
  EXPECT_GT(stats.cpu_seconds, 0);
  EXPECT_GT(stats.max_fds, stats.open_fds);
  const double age = static_cast<double>(wall_nanos()) / 1e9 - stats.start_time_seconds;
  EXPECT_GT(age, -1);
  EXPECT_LT(age, 600);
}

TEST(ProcessStats, CountsDescriptorsExactly) {
  const uint64_t before = process_stats().open_fds;
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(process_stats().open_fds, before + 1);
  close(fd);
  EXPECT_EQ(process_stats().open_fds, before);
}

}  // namespace
}  // namespace sluice::observe
