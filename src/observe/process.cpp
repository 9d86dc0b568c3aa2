#include "observe/process.hpp"

#include <dirent.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::observe {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
  void operator()(DIR* dir) const { closedir(dir); }
};

std::string read_small_file(const char* path) {
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path, "re"));
  if (!file) return {};
  std::string text(1024, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  return text;
}

/// The fields of /proc/self/stat from the third on; the second one may hold spaces. proc(5).
uint64_t stat_field(std::string_view stat, int number) {
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return 0;
  stat.remove_prefix(name_end + 1);
  for (int i = 2; i < number; ++i) {
    const size_t space = stat.find(' ');
    if (space == std::string_view::npos) return 0;
    stat.remove_prefix(space + 1);
  }
  uint64_t value = 0;
  std::from_chars(stat.data(), stat.data() + stat.size(), value);
  return value;
}

uint64_t count_fds() {
  // Since Linux 6.2 the folder's size is the number of its entries.
  struct stat info{};
  if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0) {
    return static_cast<uint64_t>(info.st_size);
  }
  const std::unique_ptr<DIR, Close> dir(opendir("/proc/self/fd"));
  if (!dir) return 0;
  uint64_t entries = 0;
  while (readdir(dir.get())) ++entries;
  // ".", ".." and the descriptor that reads the folder do not count.
  return entries > 3 ? entries - 3 : 0;
}

double clock_seconds(clockid_t clock) {
  timespec at{};
  clock_gettime(clock, &at);
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) / 1e9;
}

}  // namespace

ProcessStats process_stats() {
  ProcessStats out;
  out.cpu_seconds = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);

  const std::string stat = read_small_file("/proc/self/stat");
  out.virtual_bytes = stat_field(stat, 23);
  out.resident_bytes = stat_field(stat, 24) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  if (const uint64_t ticks = stat_field(stat, 22)) {
    const double since_boot =
        static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
    out.start_time_seconds =
        clock_seconds(CLOCK_REALTIME) - clock_seconds(CLOCK_BOOTTIME) + since_boot;
  }

  out.open_fds = count_fds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) out.max_fds = limit.rlim_cur;

  const struct mallinfo2 heap = mallinfo2();
  out.heap_used_bytes = heap.uordblks + heap.hblkhd;
  out.heap_total_bytes = heap.arena + heap.hblkhd;
  return out;
}

}  // namespace sluice::observe
