// Neutral events, written as Anthropic's stream: message_start ... message_stop.
#pragma once

#include <cstdint>
#include <string>

#include "dialect/chat/stream_writer.hpp"

namespace sluice::dialect::anthropic {

class MessagesStreamWriter final : public chat::StreamWriter {
 public:
  /// `plan` outlives the writer.
  explicit MessagesStreamWriter(const chat::AnswerPlan& plan) : plan_(plan) {}

  void take(const chat::Event& event) override;
  std::string_view keep_alive() const override;
  void finish(const chat::StreamEnd& end, const Usage& usage) override;
  void fail(const Error& error) override;

 private:
  void write_start(const chat::Event& event);
  void begin_block(const chat::Event& event);
  void begin_delta();

  const chat::AnswerPlan& plan_;
  bool any_call_ = false;
  bool signed_ = false;  // the open block
  uint32_t blocks_ = 0;  // begun; the last may be open
};

}  // namespace sluice::dialect::anthropic
