// Counts the tokens of an answer's text as it passes by.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dialect/output_text.hpp"
#include "tokens/stream_counter.hpp"

namespace sluice::relay {

/// An answer is several texts: its content, its reasoning, the arguments of each tool call, for
/// each choice. Each is counted as a text of its own. No allocation in steady state.
class OutputCounter {
 public:
  explicit OutputCounter(const tokens::Encoding& encoding) : current_(encoding) {}

  /// Returns the total. It may be less than before: more text can join tokens.
  int64_t add(std::span<const dialect::OutputText> texts);
  int64_t total() const { return finished_ + others_total_ + current_.counter.total(); }

 private:
  struct Lane {
    explicit Lane(const tokens::Encoding& encoding) : encoding(&encoding), counter(encoding) {}
    uint64_t lane = 0;
    const tokens::Encoding* encoding;
    tokens::StreamCounter counter;
  };
  // Texts that may go on are kept; past so many the oldest counts as finished.
  static constexpr size_t kMaxOthers = 16;

  void switch_to(uint64_t lane);

  Lane current_;
  // Only where an answer has more than one text.
  std::unique_ptr<std::vector<Lane>> others_;
  int64_t others_total_ = 0;
  int64_t finished_ = 0;
};

}  // namespace sluice::relay
