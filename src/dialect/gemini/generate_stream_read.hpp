// A stream of GenerateContentResponse, read into the neutral events.
#pragma once

#include <string>

#include "dialect/chat/answer.hpp"
#include "dialect/chat/stream_reader.hpp"
#include "dialect/gemini/chunk.hpp"

namespace sluice::dialect::gemini {

/// Parts come whole or in pieces of text, and calls always whole. What a part is signed with stands
/// in the signature of a block of thinking before it, and of a call besides in its kBlockStart.
class GenerateStreamReader final : public chat::StreamReader {
 public:
  /// `plan` outlives the reader.
  explicit GenerateStreamReader(const chat::AnswerPlan& plan) : plan_(plan) {}

  void read(const chat::StreamPiece& event, chat::EventSink& sink) override;
  bool close(FinishReason reason, chat::EventSink& sink) override;
  uint32_t blocks() const override { return blocks_; }
  bool overflowed() const override { return calls_ > chat::kMaxTools; }
  /// What the provider says of its refusal.
  json::String stop_text() const override;

 private:
  enum class Open : uint8_t { kNone, kText, kThinking };

  void read_part(const Part& part, chat::EventSink& sink);
  void read_call(const Part& part, chat::EventSink& sink);
  void read_code(const Part& part, chat::EventSink& sink);
  void read_media(const Part& part, chat::EventSink& sink);
  void read_text(Open kind, json::String text, chat::EventSink& sink);
  void read_grounding(json::Value pages, chat::EventSink& sink);
  void sign(json::String signature, chat::EventSink& sink);
  void open(Open kind, chat::EventSink& sink);
  void close_block(chat::EventSink& sink);

  const chat::AnswerPlan& plan_;
  bool started_ = false;
  Open open_ = Open::kNone;
  uint32_t blocks_ = 0;
  uint32_t calls_ = 0;
  uint32_t pages_ = 0;     // that have been told of
  std::string id_;         // of the answer, as in JSON
  std::string stop_text_;  // as in JSON
};

}  // namespace sluice::dialect::gemini
