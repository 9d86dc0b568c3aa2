// A stream of chat.completion.chunk, read into the neutral events.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dialect/chat/answer.hpp"
#include "dialect/chat/call_arguments.hpp"
#include "dialect/chat/events.hpp"
#include "dialect/chat/stream_reader.hpp"
#include "dialect/event_facts.hpp"

namespace sluice::dialect::openai {

/// Brings what upstreams send into order: blocks that do not overlap, calls that are whole. A call
/// streams as it comes; pieces of others that come meanwhile wait until it is whole. One a stream.
class ChatStreamReader final : public chat::StreamReader {
 public:
  void read(const chat::StreamPiece& event, chat::EventSink& sink) override;
  bool close(FinishReason reason, chat::EventSink& sink) override;

  /// A refusal tells it more truly than the upstream's word.
  FinishReason finish_reason(FinishReason told) const override {
    return refused_ ? FinishReason::kContentFilter : told;
  }
  bool cut() const override { return cut_; }
  uint32_t blocks() const override { return blocks_; }
  bool overflowed() const override { return overflowed_; }
  std::string_view service_tier() const override { return service_tier_; }

 private:
  enum class Open : uint8_t { kNone, kText, kThinking, kTool };

  struct Call {
    int64_t index = -1;
    std::string id;    // as in JSON
    std::string name;  // as in JSON
    chat::CallArguments arguments;
    bool opened = false;
    bool closed = false;
  };
  struct Calls {
    std::vector<Call> list;
    size_t open = 0;     // valid while a call is
    size_t waiting = 0;  // bytes that ever had to wait
    std::string late;    // text that came while a call was not whole
  };

  void start(const EventParts& parts, std::string_view model, chat::EventSink& sink);
  void read_text(Open kind, json::String text, chat::EventSink& sink);
  void read_call(const EventParts::Call& piece, chat::EventSink& sink);
  Call& call_of(const EventParts::Call& piece);
  void open_block(Open open, chat::EventSink& sink);
  void open_call(size_t at, chat::EventSink& sink);
  void keep(std::string& waiting, std::string_view bytes);
  void count(size_t bytes);
  /// Opens the next call that waits, as long as the open one is whole.
  void advance(chat::EventSink& sink);
  bool close_block(bool may_be_cut, chat::EventSink& sink);
  bool close_call(bool may_be_cut, chat::EventSink& sink);

  bool started_ = false;
  bool refused_ = false;
  bool cut_ = false;
  bool overflowed_ = false;
  Open open_ = Open::kNone;
  uint32_t blocks_ = 0;
  std::string_view service_tier_;
  std::string id_;
  std::unique_ptr<Calls> calls_;
};

}  // namespace sluice::dialect::openai
