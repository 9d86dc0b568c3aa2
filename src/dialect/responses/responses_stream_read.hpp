// A stream of response.created ... response.completed, read into the neutral events.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dialect/chat/answer.hpp"
#include "dialect/chat/call_arguments.hpp"
#include "dialect/chat/stream_reader.hpp"

namespace sluice::dialect::responses {

/// Items come one after the other, as a rule; while a call is not whole, pieces of others wait.
/// Items that other dialects do not have are passed over.
class ResponsesStreamReader final : public chat::StreamReader {
 public:
  /// `plan` outlives the reader.
  explicit ResponsesStreamReader(const chat::AnswerPlan& plan) : plan_(plan) {}

  void read(const chat::StreamPiece& event, chat::EventSink& sink) override;
  bool close(FinishReason reason, chat::EventSink& sink) override;
  uint32_t blocks() const override { return blocks_; }
  /// A refusal tells it more truly than the upstream's word.
  FinishReason finish_reason(FinishReason told) const override {
    return refused_ ? FinishReason::kContentFilter : told;
  }
  bool cut() const override { return cut_; }
  bool overflowed() const override { return too_many_ || waiting_ > kMaxWaiting; }
  std::string_view service_tier() const override { return service_tier_; }

 private:
  // Bytes that ever had to wait in one stream.
  static constexpr size_t kMaxWaiting = 16 * 1024 * 1024;

  enum class Kind : uint8_t { kUnknown, kText, kThinking, kCall, kIgnored };

  struct Item {
    int64_t index = 0;
    Kind kind = Kind::kUnknown;
    bool begun = false;     // it has had a block
    bool done = false;      // the upstream has ended it
    bool closed = false;    // nothing more is read of it
    bool replays = false;   // of thinking: its signature holds what it is replayed by
    uint16_t part = 0;      // of its last piece
    std::string id;         // of a call, as in JSON
    std::string name;       // of a call, as in JSON
    std::string signature;  // of thinking
    std::string waiting;    // of texts, as in JSON
    std::unique_ptr<chat::CallArguments> arguments;
  };

  void start(const chat::StreamPiece& event, chat::EventSink& sink);
  Item* item_of(int64_t index);
  Item* note_item(int64_t index, json::Value object);
  void sign(Item* item, json::Value object) const;
  void end_item(int64_t index, chat::EventSink& sink);
  void read_text(const OutputText& piece, chat::EventSink& sink);
  void read_annotation(const EventParts& parts, chat::EventSink& sink) const;
  /// The open block cannot be left for another.
  bool busy() const;
  bool is_open(const Item& item) const { return open_ < items_.size() && &items_[open_] == &item; }
  void open(Item& item, chat::EventSink& sink);
  void send_text(Item& item, uint16_t part, json::String text, chat::EventSink& sink);
  /// Begins what has waited for the open block to end.
  void advance(chat::EventSink& sink);
  bool close_block(bool may_be_cut, chat::EventSink& sink);

  static constexpr size_t kNone = SIZE_MAX;

  const chat::AnswerPlan& plan_;
  std::vector<Item> items_;
  size_t open_ = kNone;  // whose block is open
  size_t waiting_ = 0;
  bool too_many_ = false;  // items
  uint32_t blocks_ = 0;
  bool started_ = false;
  bool refused_ = false;
  bool cut_ = false;
  bool usable_ = true;
  std::string_view service_tier_;
  std::string id_;  // of the answer, as in JSON
};

}  // namespace sluice::dialect::responses
