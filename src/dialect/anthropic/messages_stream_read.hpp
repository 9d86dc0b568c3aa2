// A stream of message_start ... message_stop, read into the neutral events.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "dialect/chat/answer.hpp"
#include "dialect/chat/events.hpp"
#include "dialect/chat/stream_reader.hpp"
#include "dialect/event_facts.hpp"

namespace sluice::dialect::anthropic {

/// Leaves out what OpenAI's clients have no use for: blocks of tools that the upstream ran itself,
/// and kinds that are not known. One a stream.
class MessagesStreamReader final : public chat::StreamReader {
 public:
  void read(const chat::StreamPiece& event, chat::EventSink& sink) override;
  bool close(FinishReason reason, chat::EventSink& sink) override;
  void resume() override { block_ = Block::kNone; }

  uint32_t blocks() const override { return blocks_; }
  json::String stop_text() const override {
    return kept_ ? json::String{.bytes = kept_->stop_text, .escaped = true} : json::String{};
  }

 private:
  enum class Block : uint8_t { kNone, kIgnored, kOpen };
  struct Kept {
    std::string input;      // of a call that began with all its arguments
    std::string stop_text;  // as in JSON
  };

  Kept& kept() {
    if (!kept_) kept_ = std::make_unique<Kept>();
    return *kept_;
  }

  void close_block(chat::EventSink& sink);
  void open(chat::BlockKind kind, json::String id, json::String name, chat::EventSink& sink);
  void start_block(const EventParts& parts, chat::EventSink& sink);
  void read_delta(const EventParts& parts, std::span<const OutputText> texts,
                  chat::EventSink& sink);
  void send(chat::Event::Kind kind, json::String text, chat::EventSink& sink) const;

  bool started_ = false;
  bool any_delta_ = false;  // of the open block
  Block block_ = Block::kNone;
  chat::BlockKind kind_ = chat::BlockKind::kText;
  uint32_t blocks_ = 0;
  int64_t index_ = 0;  // the upstream's, of the open block
  std::unique_ptr<Kept> kept_;
};

}  // namespace sluice::dialect::anthropic
