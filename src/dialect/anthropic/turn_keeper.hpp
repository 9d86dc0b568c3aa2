// Keeps what a streamed message has said, for asking its model to go on.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/event_facts.hpp"
#include "dialect/output_text.hpp"

namespace sluice::dialect::anthropic {

/// The blocks of a message as they must be sent back: those of every kind, with their signatures
/// and citations, the texts as they stood. One an answer, over all of its streams. Its room
/// grows by a quarter, so that few events need any and little is idle, and is never moved: streams
/// that grow together would leave holes that none of them fits in.
class TurnKeeper {
 public:
  /// Of every valid event in order; `texts` are those that the inspector found in it.
  void take(const EventParts& parts, std::span<const OutputText> texts);

  /// The blocks, separated by commas; empty when there are none or they are more than is kept.
  std::string_view blocks();

 private:
  enum class Open : uint8_t { kNone, kText, kThinking, kInput };
  static constexpr size_t kFirstRoom = 239;  // with its end and the allocator's own, 256
  static constexpr size_t kRoom = 479;
  static constexpr size_t kMost = size_t{1} << 20;

  /// What is put behind the rest of the open block.
  struct Behind {
    std::string input;      // of a call, decoded
    std::string signature;  // as in JSON
    std::string citations;
    size_t size() const { return input.size() + signature.size() + citations.size(); }
  };

  Behind& behind() {
    if (!behind_) behind_ = std::make_unique<Behind>();
    return *behind_;
  }
  void begin(json::Value block);
  void add(const OutputText& text);
  void close();
  void append(std::string_view bytes);
  size_t size() const { return full_size_ + last_.size(); }
  /// All pieces become one.
  void join();

  /// What the answer says: full pieces, and the one that grows.
  std::vector<std::string> full_;
  std::string last_;
  size_t full_size_ = 0;
  std::unique_ptr<Behind> behind_;
  size_t start_ = 0;  // of the open block in all
  Open open_ = Open::kNone;
  bool any_ = false;  // the open block says something
  bool too_long_ = false;
};

}  // namespace sluice::dialect::anthropic
