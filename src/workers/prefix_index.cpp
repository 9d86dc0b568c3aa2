#include "workers/prefix_index.hpp"

#include <algorithm>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>

namespace sluice::workers {
namespace {

constexpr size_t kUnknownBlocks = 1024;  // what a cache is taken to hold that tells no size
constexpr size_t kMostBlocks = 65'536;

struct Known {
  size_t most = kUnknownBlocks;
  std::list<uint64_t> order;  // what was used last first
  std::unordered_map<uint64_t, std::list<uint64_t>::iterator> blocks;
};

}  // namespace

struct PrefixIndex::State {
  std::vector<Known> workers;
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
  if (state_->workers.size() <= worker) state_->workers.resize(worker + 1);
  Known known;
  if (blocks != 0) known.most = std::min(blocks, kMostBlocks);
  state_->workers[worker] = std::move(known);
}

void PrefixIndex::forget_worker(uint32_t worker) {
  if (worker >= state_->workers.size()) return;
  Known& known = state_->workers[worker];
  known.order.clear();
  known.blocks.clear();
}

void PrefixIndex::note(uint32_t worker, std::span<const uint64_t> prefix) {
  if (worker >= state_->workers.size()) return;
  Known& known = state_->workers[worker];
  prefix = prefix.first(std::min(prefix.size(), known.most));
  // From the end, so that of one prompt the later blocks are given up first.
  for (auto block = prefix.rbegin(); block != prefix.rend(); ++block) {
    const auto found = known.blocks.find(*block);
    if (found != known.blocks.end()) {
      known.order.splice(known.order.begin(), known.order, found->second);
      continue;
    }
    known.order.push_front(*block);
    known.blocks.emplace(*block, known.order.begin());
  }
  while (known.blocks.size() > known.most) {
    known.blocks.erase(known.order.back());
    known.order.pop_back();
  }
}

void PrefixIndex::match(std::span<const uint64_t> prefix, std::span<const uint32_t> workers,
                        std::span<uint32_t> counts) const {
  for (size_t i = 0; i < workers.size(); ++i) {
    counts[i] = 0;
    if (workers[i] >= state_->workers.size()) continue;
    const Known& known = state_->workers[workers[i]];
    while (counts[i] < prefix.size() && known.blocks.contains(prefix[counts[i]])) ++counts[i];
  }
}

}  // namespace sluice::workers
