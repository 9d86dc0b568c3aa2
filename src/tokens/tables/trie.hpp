// Builds the trie of an encoding's tokens.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tokens/table_layout.hpp"

namespace sluice::tokens {

/// The units that table_layout.hpp describes, for words that are sorted by their text, none of
/// them empty and none there twice.
class Trie {
 public:
  struct Word {
    std::string_view text;
    uint32_t token;
  };

  explicit Trie(const std::vector<Word>& words) : words_(words) {
    nodes_.emplace_back();
    collect(0, 0, words.size(), 0);
    place();
  }

  const std::vector<uint64_t>& units() const { return units_; }
  uint32_t root_base() const { return nodes_.front().base; }

 private:
  struct Node {
    uint32_t token = kTrieNoToken;
    uint8_t label = 0;
    uint32_t base = 0;  // stays 0 where there are no children: no child lies in the first block
    std::vector<uint32_t> children;
  };
  static constexpr uint32_t kBlock = 256;

  // The words [from, to) begin with the same `depth` bytes, which lead to the node.
  void collect(uint32_t node, size_t from, size_t to, size_t depth) {
    if (words_[from].text.size() == depth) nodes_[node].token = words_[from++].token;
    while (from != to) {
      const char label = words_[from].text[depth];
      size_t behind = from;
      while (behind != to && words_[behind].text[depth] == label) ++behind;
      const auto child = static_cast<uint32_t>(nodes_.size());
      nodes_.emplace_back().label = static_cast<uint8_t>(label);
      nodes_[node].children.push_back(child);
      collect(child, from, behind, depth + 1);
      from = behind;
    }
  }

  // Those with the most children first, each at a base that is nobody else's and where the places
  // of all its children are free.
  void place() {
    std::vector<uint32_t> order;
    for (uint32_t node = 0; node < nodes_.size(); ++node) {
      if (!nodes_[node].children.empty()) order.push_back(node);
    }
    std::ranges::sort(order, std::greater(), [&](uint32_t node) {
      return std::pair(nodes_[node].children.size(), nodes_.size() - node);
    });
    const auto only = std::ranges::find_if(
        order, [&](uint32_t node) { return nodes_[node].children.size() == 1; });
    grow();
    size_t children = 0;
    uint32_t at = kBlock;
    for (const uint32_t node : std::span(order.begin(), only)) {
      // What one with as many children passed over is not tried again.
      if (std::exchange(children, nodes_[node].children.size()) != nodes_[node].children.size()) {
        at = kBlock;
      }
      while (!try_place(node, at)) ++at;
    }
    // An only child finds a place among the first that are free.
    std::vector<uint32_t> free;
    for (at = kBlock; at < owners_.size(); ++at) {
      if (owners_[at] == 0) free.push_back(at);
    }
    size_t first = 0;
    for (const uint32_t node : std::span(only, order.end())) {
      size_t next = first;
      for (;; ++next) {
        if (next == free.size()) {
          at = static_cast<uint32_t>(owners_.size());
          grow();
          for (; at < owners_.size(); ++at) free.push_back(at);
        }
        if (try_place(node, free[next])) break;
      }
      std::swap(free[first++], free[next]);
    }
    for (const uint32_t owner : owners_) {
      const Node& node = nodes_[owner];
      units_.push_back(owner == 0 ? trie_unit(kTrieNoToken, kTrieNoLabel, 0)
                                  : trie_unit(node.token, node.label, node.base));
    }
  }

  // With its first child at that place.
  bool try_place(uint32_t index, uint32_t at) {
    Node& node = nodes_[index];
    while (at >= owners_.size()) grow();
    const uint32_t base = at ^ nodes_[node.children.front()].label;
    const auto place_of = [&](uint32_t child) { return base ^ nodes_[child].label; };
    if (is_base_[base] || !std::ranges::all_of(node.children, [&](uint32_t child) {
          return owners_[place_of(child)] == 0;
        })) {
      return false;
    }
    node.base = base;
    is_base_[base] = true;
    for (const uint32_t child : node.children) owners_[place_of(child)] = child;
    return true;
  }

  void grow() {
    owners_.resize(owners_.size() + kBlock, 0);
    is_base_.resize(owners_.size(), false);
  }

  const std::vector<Word>& words_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> owners_;  // which node lies in a place; the root lies in none
  std::vector<bool> is_base_;
  std::vector<uint64_t> units_;
};

}  // namespace sluice::tokens
