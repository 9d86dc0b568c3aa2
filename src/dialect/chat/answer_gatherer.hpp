// A whole answer out of a streamed one, or of several.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/answer.hpp"
#include "dialect/chat/stream_writer.hpp"
#include "dialect/dialect.hpp"

namespace sluice::dialect::chat {

/// The other end of a StreamConverter where the client wants no stream.
class AnswerGatherer final : public StreamWriter {
 public:
  explicit AnswerGatherer(Answer& answer) : answer_(answer) {}

  void take(const Event& event) override;
  std::string_view keep_alive() const override { return {}; }
  void finish(const StreamEnd& end, const Usage& usage) override;
  void fail(const Error& /*error*/) override {}

 private:
  void end_block();

  Answer& answer_;
  std::string text_;  // of the open block: as in JSON, but a call's arguments decoded
  std::string signature_;
};

/// What the upstream has said after a pause, behind what it said before. The views in `more` move
/// over, so that it must outlive `answer`.
void append_answer(Answer& answer, Answer& more);

/// Reads the events of an upstream that has streamed its answer though nobody asked for that; the
/// answer owns all it holds. kUpstreamError, or the upstream's own error, when it is not whole.
Result<Answer> gather_answer(Endpoint upstream, std::string_view events, const AnswerPlan& plan,
                             bool end_without_finish);

}  // namespace sluice::dialect::chat
