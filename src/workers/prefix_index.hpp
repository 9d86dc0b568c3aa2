// Which worker has seen the beginning of a prompt before, and so may have it in its cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::workers {

/// Tokens of a block, about.
inline constexpr int64_t kPrefixBlockTokens = 512;

/// Hashes of the blocks of a prompt, each of which covers all before it too: two prompts have as
/// many equal hashes as they begin with equal blocks. `text` is cut at every kPrefixBlockBytes;
/// what is left over at the end has none. At most `most`.
inline constexpr size_t kPrefixBlockBytes = 2048;
std::vector<uint64_t> prefix_blocks(std::string_view text, size_t most = 256);

/// Of all workers of a fleet. Bounded: each worker has its own number of blocks, of which the ones
/// longest unused go first, as in the caches that this guesses at.
///
/// Plain state: one thread at a time. Workers are numbered by their owner, from 0, densely.
class PrefixIndex {
 public:
  PrefixIndex();
  ~PrefixIndex();
  PrefixIndex(const PrefixIndex&) = delete;
  PrefixIndex& operator=(const PrefixIndex&) = delete;

  /// `blocks` is what its cache holds; 0: unknown. A number that is used again begins with none.
  void add_worker(uint32_t worker, size_t blocks);
  /// It has been restarted, or is gone.
  void forget_worker(uint32_t worker);

  /// The worker has got a prompt with this beginning.
  void note(uint32_t worker, std::span<const uint64_t> prefix);
  /// How many blocks of the beginning each of `workers` has, in the same order, written to
  /// `counts`, which is as long.
  void match(std::span<const uint64_t> prefix, std::span<const uint32_t> workers,
             std::span<uint32_t> counts) const;
  /// Blocks that it is thought to have.
  size_t held(uint32_t worker) const;
  /// Different blocks that any worker is thought to have.
  size_t size() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::workers
