#include "sim/kv_cache.hpp"

namespace sluice::sim {

size_t KvCache::pin(std::span<const uint64_t> prefix, size_t most) {
  size_t count = 0;
  while (count < prefix.size() && count < most) {
    const auto found = blocks_.find(prefix[count]);
    if (found == blocks_.end()) break;
    if (found->second.users++ == 0) {
      unused_.erase(found->second.place);
      ++pinned_;
    }
    ++count;
  }
  return count;
}

void KvCache::add(std::span<const uint64_t> blocks) {
  for (const uint64_t hash : blocks) {
    const auto [block, added] = blocks_.try_emplace(hash);
    if (!added && block->second.users == 0) unused_.erase(block->second.place);
    if (block->second.users++ == 0) ++pinned_;
    taken_ -= kBlockTokens;
  }
}

void KvCache::unpin(std::span<const uint64_t> blocks) {
  // From the end: what comes first in a prompt is of use to more of the others.
  for (auto hash = blocks.rbegin(); hash != blocks.rend(); ++hash) {
    Block& block = blocks_.at(*hash);
    if (--block.users != 0) continue;
    --pinned_;
    block.place = unused_.insert(unused_.end(), *hash);
  }
}

bool KvCache::take(int64_t tokens) {
  if (reclaimable() < tokens) return false;
  taken_ += tokens;
  while (taken_ + static_cast<int64_t>(blocks_.size()) * kBlockTokens > tokens_) {
    blocks_.erase(unused_.front());
    unused_.pop_front();
  }
  return true;
}

}  // namespace sluice::sim
