// Neutral events, written as the stream of OpenAI's Responses: response.created ...
// response.completed.
#pragma once

#include "dialect/chat/stream_writer.hpp"

namespace sluice::dialect::responses {

class ResponsesStreamWriter final : public chat::StreamWriter {
 public:
  /// `plan` outlives the writer.
  explicit ResponsesStreamWriter(const chat::AnswerPlan& plan) : plan_(plan) {}

  void take(const chat::Event& event) override;
  std::string_view keep_alive() const override;
  void finish(const chat::StreamEnd& end, const Usage& usage) override;
  void fail(const Error& error) override;

 private:
  const chat::AnswerPlan& plan_;
};

}  // namespace sluice::dialect::responses
