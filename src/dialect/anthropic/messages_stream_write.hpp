// Neutral events, written as Anthropic's stream: message_start ... message_stop.
#pragma once

#include <cstdint>
#include <string>

#include "dialect/chat/stream_writer.hpp"

namespace sluice::dialect::anthropic {

class MessagesStreamWriter final : public chat::StreamWriter {
 public:
  /// `plan` outlives the writer. `usage` is what message_start tells, as far as it is known.
  explicit MessagesStreamWriter(const chat::AnswerPlan& plan) : plan_(plan) {}

  /// Before kStart: how long the prompt is, and the id if the upstream tells none.
  void prepare(const Usage& usage, std::string_view fallback_id) {
    usage_ = &usage;
    fallback_id_ = fallback_id;
  }
  /// Before finish().
  void set_end(bool cut, std::string_view service_tier) {
    cut_ = cut;
    service_tier_ = service_tier;
  }

  void take(const chat::Event& event) override;
  std::string_view keep_alive() const override;
  void finish(const chat::Stop& stop, const Usage& usage) override;

 private:
  void write_start(const chat::Event& event);
  void begin_block(const chat::Event& event);
  void begin_delta();

  const chat::AnswerPlan& plan_;
  const Usage* usage_ = nullptr;
  std::string_view fallback_id_;
  std::string_view service_tier_;
  bool cut_ = false;
  bool any_call_ = false;
  bool signed_ = false;  // the open block
  uint32_t blocks_ = 0;  // begun; the last may be open
};

}  // namespace sluice::dialect::anthropic
