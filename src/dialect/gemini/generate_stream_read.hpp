// A stream of GenerateContentResponse, read into the neutral events.
#pragma once

#include "dialect/chat/answer.hpp"
#include "dialect/chat/stream_reader.hpp"

namespace sluice::dialect::gemini {

class GenerateStreamReader final : public chat::StreamReader {
 public:
  /// `plan` outlives the reader.
  explicit GenerateStreamReader(const chat::AnswerPlan& plan) : plan_(plan) {}

  void read(const chat::StreamPiece& event, chat::EventSink& sink) override;
  bool close(FinishReason reason, chat::EventSink& sink) override;
  uint32_t blocks() const override { return blocks_; }

 private:
  const chat::AnswerPlan& plan_;
  uint32_t blocks_ = 0;
};

}  // namespace sluice::dialect::gemini
