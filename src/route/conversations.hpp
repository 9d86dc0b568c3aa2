// Which member of a group a conversation is with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::route {

/// Of a request.
struct Conversation {
  uint64_t id = 0;
  /// There were requests before this one: it has something to go back to.
  bool goes_on = false;
};

/// Remembers the last 16,384 conversations, in 256 KiB that are taken with the first. Who comes
/// back after that is as a new one.
///
/// Plain state: one thread at a time.
class Conversations {
 public:
  static constexpr size_t kKept = 16'384;

  std::optional<size_t> member(uint64_t id) const;
  void note(uint64_t id, size_t member);

 private:
  static constexpr size_t kWays = 8;

  struct Entry {
    uint64_t id = 0;
    uint32_t member = 0;
    uint32_t noted = 0;  // 0: free; else when, in notes
  };
  static size_t first(uint64_t id);

  std::vector<Entry> entries_;  // sets of kWays
  uint32_t notes_ = 0;
};

}  // namespace sluice::route
