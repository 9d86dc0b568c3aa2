// The memory of an engine: blocks of prompts that several requests may share, and the rest.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>

namespace sluice::sim {

inline constexpr int64_t kBlockTokens = 512;

/// Blocks that nobody uses stay until their room is needed; the longest unused goes first.
class KvCache {
 public:
  explicit KvCache(int64_t tokens) : tokens_(tokens) {}

  /// Holds the blocks from the beginning that are there, `most` at most; how many.
  size_t pin(std::span<const uint64_t> prefix, size_t most);
  /// They have been computed in a room of their own, which they no longer need.
  void add(std::span<const uint64_t> blocks);
  void unpin(std::span<const uint64_t> blocks);

  /// Room outside of blocks; false: there is not enough.
  bool take(int64_t tokens);
  void give(int64_t tokens) { taken_ -= tokens; }

  /// Tokens that nobody uses.
  int64_t reclaimable() const { return tokens_ - taken_ - pinned_ * kBlockTokens; }

 private:
  struct Block {
    int users = 0;
    std::list<uint64_t>::iterator place;  // in unused_ while it has no user
  };

  int64_t tokens_;
  int64_t taken_ = 0;
  int64_t pinned_ = 0;  // blocks
  std::unordered_map<uint64_t, Block> blocks_;
  std::list<uint64_t> unused_;  // the longest unused first
};

}  // namespace sluice::sim
