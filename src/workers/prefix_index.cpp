#include "workers/prefix_index.hpp"

#include <algorithm>
#include <bit>
#include <functional>

#include "workers/block_map.hpp"

namespace sluice::workers {
namespace {

constexpr size_t kUnknownBlocks = 1024;  // what a cache is taken to hold that tells no size
constexpr size_t kMostBlocks = 16'384;
constexpr size_t kBits = 64;
constexpr uint32_t kNone = BlockMap::kNone;

/// The blocks of one worker in the order of their use.
struct Held {
  struct Node {
    uint64_t hash = 0;
    uint32_t before = kNone;  // used later
    uint32_t after = kNone;
  };
  size_t most = 0;  // 0: no such worker
  BlockMap at;
  std::vector<Node> nodes;
  std::vector<uint32_t> free;
  uint32_t first = kNone;  // used last
  uint32_t last = kNone;

  void unlink(uint32_t index) {
    const Node& node = nodes[index];
    (node.before == kNone ? first : nodes[node.before].after) = node.after;
    (node.after == kNone ? last : nodes[node.after].before) = node.before;
  }
  void link(uint32_t index) {
    nodes[index].before = kNone;
    nodes[index].after = first;
    (first == kNone ? last : nodes[first].before) = index;
    first = index;
  }
  uint32_t free_node() {
    if (free.empty()) {
      nodes.emplace_back();
      return static_cast<uint32_t>(nodes.size() - 1);
    }
    const uint32_t index = free.back();
    free.pop_back();
    return index;
  }
};

}  // namespace

/// Each worker's blocks, and for each block the set of the workers that have it: a look-up for all
/// workers goes along the prompt once, however many they are.
///
/// A worker that has a block has all before it, because every use of a block is one of those too.
struct PrefixIndex::State {
  std::vector<Held> workers;
  BlockMap at;
  size_t words = 1;             // of a set
  std::vector<uint64_t> sets;   // by block
  std::vector<uint32_t> sizes;  // of the sets
  std::vector<uint32_t> free;
  // For match() alone: those that have had all blocks so far, and how far the others got.
  std::vector<uint64_t> left = std::vector<uint64_t>(1);
  std::vector<uint32_t> reached = std::vector<uint32_t>(kBits);

  bool known(uint32_t worker) const { return worker < workers.size() && workers[worker].most != 0; }

  void widen(size_t to) {
    std::vector<uint64_t> wider(sizes.size() * to);
    for (size_t block = 0; block < sizes.size(); ++block) {
      std::copy_n(sets.begin() + static_cast<ptrdiff_t>(block * words), words,
                  wider.begin() + static_cast<ptrdiff_t>(block * to));
    }
    sets = std::move(wider);
    words = to;
    left.resize(words);
    reached.resize(words * kBits);
  }

  void join(uint64_t hash, uint32_t worker) {
    uint32_t block = at.find(hash);
    if (block == kNone) {
      if (free.empty()) {
        block = static_cast<uint32_t>(sizes.size());
        sizes.push_back(0);
        sets.resize(sets.size() + words);
      } else {
        block = free.back();
        free.pop_back();
      }
      at.insert(hash, block);
    }
    sets[block * words + worker / kBits] |= uint64_t{1} << worker % kBits;
    ++sizes[block];
  }

  void leave(uint64_t hash, uint32_t worker) {
    const uint32_t block = at.find(hash);
    sets[block * words + worker / kBits] &= ~(uint64_t{1} << worker % kBits);
    if (--sizes[block] != 0) return;
    at.erase(hash);
    free.push_back(block);
  }

  void drop_last(uint32_t worker) {
    Held& held = workers[worker];
    const uint32_t index = held.last;
    held.unlink(index);
    held.at.erase(held.nodes[index].hash);
    held.free.push_back(index);
    leave(held.nodes[index].hash, worker);
  }
};

std::vector<uint64_t> prefix_blocks(std::string_view text, size_t most) {
  std::vector<uint64_t> blocks;
  blocks.reserve(std::min(text.size() / kPrefixBlockBytes, most));
  uint64_t before = 0;
  while (text.size() >= kPrefixBlockBytes && blocks.size() < most) {
    const uint64_t hash = std::hash<std::string_view>{}(text.substr(0, kPrefixBlockBytes));
    before = (before ^ hash) * 0x9e3779b97f4a7c15;
    before ^= before >> 32;
    blocks.push_back(before);
    text.remove_prefix(kPrefixBlockBytes);
  }
  return blocks;
}

PrefixIndex::PrefixIndex() : state_(std::make_unique<State>()) {}
PrefixIndex::~PrefixIndex() = default;

void PrefixIndex::add_worker(uint32_t worker, size_t blocks) {
  forget_worker(worker);
  if (state_->workers.size() <= worker) {
    state_->workers.resize(worker + 1);
    const size_t words = (state_->workers.size() + kBits - 1) / kBits;
    if (words > state_->words) state_->widen(std::max(words, 2 * state_->words));
  }
  state_->workers[worker].most = blocks == 0 ? kUnknownBlocks : std::min(blocks, kMostBlocks);
}

void PrefixIndex::forget_worker(uint32_t worker) {
  if (!state_->known(worker)) return;
  Held& held = state_->workers[worker];
  for (uint32_t at = held.first; at != kNone; at = held.nodes[at].after) {
    state_->leave(held.nodes[at].hash, worker);
  }
  const size_t most = held.most;
  held = {};
  held.most = most;
}

void PrefixIndex::note(uint32_t worker, std::span<const uint64_t> prefix) {
  if (!state_->known(worker)) return;
  Held& held = state_->workers[worker];
  prefix = prefix.first(std::min(prefix.size(), held.most));
  // From the end, so that the first blocks of a prompt are given up last.
  for (auto hash = prefix.rbegin(); hash != prefix.rend(); ++hash) {
    uint32_t index = held.at.find(*hash);
    if (index == kNone) {
      if (held.at.size() == held.most) state_->drop_last(worker);
      index = held.free_node();
      held.nodes[index].hash = *hash;
      held.at.insert(*hash, index);
      state_->join(*hash, worker);
    } else {
      held.unlink(index);
    }
    held.link(index);
  }
}

size_t PrefixIndex::held(uint32_t worker) const {
  return state_->known(worker) ? state_->workers[worker].at.size() : 0;
}

size_t PrefixIndex::size() const { return state_->at.size(); }

void PrefixIndex::match(std::span<const uint64_t> prefix, std::span<const uint32_t> workers,
                        std::span<uint32_t> counts) const {
  std::vector<uint64_t>& left = state_->left;
  std::vector<uint32_t>& reached = state_->reached;
  std::ranges::fill(left, 0);
  for (const uint32_t worker : workers) {
    if (state_->known(worker)) left[worker / kBits] |= uint64_t{1} << worker % kBits;
  }
  const auto drop = [&](size_t word, uint64_t gone, uint32_t length) {
    left[word] &= ~gone;
    for (; gone != 0; gone &= gone - 1) {
      reached[word * kBits + static_cast<size_t>(std::countr_zero(gone))] = length;
    }
  };
  uint32_t length = 0;
  for (; length < prefix.size(); ++length) {
    const uint32_t block = state_->at.find(prefix[length]);
    if (block == kNone) break;
    const uint64_t* set = state_->sets.data() + block * state_->words;
    uint64_t any = 0;
    for (size_t word = 0; word < state_->words; ++word) {
      if (const uint64_t gone = left[word] & ~set[word]; gone != 0) drop(word, gone, length);
      any |= left[word];
    }
    if (any == 0) break;
  }
  for (size_t word = 0; word < state_->words; ++word) drop(word, left[word], length);
  for (size_t i = 0; i < workers.size() && i < counts.size(); ++i) {
    counts[i] = state_->known(workers[i]) ? reached[workers[i]] : 0;
  }
}

}  // namespace sluice::workers
