// Keeps what a streamed message has said, for asking its model to go on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dialect/event_facts.hpp"
#include "dialect/output_text.hpp"

namespace sluice::dialect::anthropic {

/// The blocks of a message as they must be sent back: those of every kind, with their signatures
/// and citations, the texts as they stood. One an answer, over all of its streams.
class TurnKeeper {
 public:
  /// Further room is made by doubling, so that few events of an answer need any.
  TurnKeeper() { blocks_.reserve(kFirstRoom); }

  /// Of every valid event in order; `texts` are those that the inspector found in it.
  void take(const EventParts& parts, std::span<const OutputText> texts);

  /// The blocks, separated by commas; empty when there are none or they are more than is kept.
  std::string_view blocks();

 private:
  enum class Open : uint8_t { kNone, kText, kThinking, kInput };
  static constexpr size_t kFirstRoom = 8 * 1024;
  static constexpr size_t kMost = size_t{1} << 20;

  void begin(json::Value block);
  void add(const OutputText& text);
  void close();

  std::string blocks_;
  std::string input_;      // of a call, decoded
  std::string signature_;  // as in JSON
  std::string citations_;
  size_t start_ = 0;  // of the open block in blocks_
  Open open_ = Open::kNone;
  bool any_ = false;  // the open block says something
  bool too_long_ = false;
};

}  // namespace sluice::dialect::anthropic
