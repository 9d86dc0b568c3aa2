// Neutral events, written as OpenAI's stream of chat.completion.chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dialect/chat/stream_writer.hpp"

namespace sluice::dialect::openai {

class ChatStreamWriter final : public chat::StreamWriter {
 public:
  /// `plan` outlives the writer.
  explicit ChatStreamWriter(const chat::AnswerPlan& plan) : plan_(plan) {}

  void take(const chat::Event& event) override;
  std::string_view keep_alive() const override;
  void finish(const chat::StreamEnd& last, const Usage& usage) override;
  void fail(const Error& error) override;

 private:
  /// What is handed out later than it comes, as in JSON.
  struct Gathered {
    std::string thinking;     // of the open block
    std::string signature;    // of the open block
    std::string annotations;  // elements of a list
    bool any_thinking = false;
  };

  Gathered& gathered();
  void write_start(const chat::Event& event);
  void begin_call(const chat::Event& event);
  void write_arguments(json::String arguments);
  void write_reasoning(json::String text);
  void write_thinking(chat::BlockKind kind);
  void write_text(std::string_view begin, json::String text, std::string_view end);
  /// The frame of a delta: what stands before it, and after it.
  void begin() { out() += prefix_; }
  void end(std::string_view finish_reason = {});

  const chat::AnswerPlan& plan_;
  bool any_arguments_ = false;  // of the open call
  uint32_t calls_ = 0;
  std::string prefix_;  // of each chunk, up to its delta
  std::unique_ptr<Gathered> gathered_;
};

}  // namespace sluice::dialect::openai
