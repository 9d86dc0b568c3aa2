// Watches a streamed answer pass by, event by event, without changing it: what is content, where
// it ends, what it reports. Holds no more than it has to: there is one for every live stream.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dialect/dialect.hpp"
#include "dialect/output_text.hpp"
#include "dialect/request.hpp"
#include "dialect/upstream_error.hpp"
#include "dialect/usage.hpp"
#include "http/sse.hpp"

namespace sluice::dialect {

/// What one event is. With none set it is preamble, a ping, a comment or bookkeeping, and passes
/// through like any other.
struct EventVerdict {
  bool malformed = false;    // its data is not valid JSON: to be dropped and counted
  bool has_content = false;  // the user sees something of it, or the answer's end is in it
  bool terminal = false;     // [DONE] or message_stop: nothing comes after it
  bool finish = false;       // carries a finish reason
  bool error = false;        // the upstream reports a failure: see StreamInspector::failure()
  bool added_usage = false;  // exists only because the gateway asked for usage: to be removed
  /// All output text in it, as slices of its data; empty unless it goes to the client. Lives
  /// until the thread's next inspect() by any inspector, or the event's data dies.
  std::span<const OutputText> texts;
};

/// One per stream; feed it every event in order. No allocation per event in steady state.
class StreamInspector {
 public:
  explicit StreamInspector(const InferenceRequest& request)
      : StreamInspector(request.endpoint, request.adds_usage(), request.n) {}
  StreamInspector(Endpoint endpoint, bool adds_usage, int64_t choices = 1);

  EventVerdict inspect(const http::SseEvent& event);

  /// Latest report; counts are cumulative in both dialects. Anthropic tells the input at the
  /// start and the rest at the end; `reported` is set when the final counts are there.
  const Usage& usage() const { return usage_; }
  FinishReason finish_reason() const { return finish_reason_; }
  /// The upstream's name of the model; empty until it is told.
  const std::string& model() const { return model_; }

  /// Every choice has its finish reason: the answer is whole even if its terminal event is lost.
  bool finished() const;
  bool terminated() const { return terminated_; }
  /// What the last `error` verdict told of.
  const UpstreamFailure& failure() const { return failure_; }

  /// The bytes to append when an upstream ends its stream after the finish reason but without
  /// the terminal event; empty when nothing is missing, or when the answer is not whole.
  std::string_view synthesize_terminal() const;

 private:
  Endpoint endpoint_;
  bool adds_usage_;
  bool terminated_ = false;
  FinishReason finish_reason_ = FinishReason::kNone;
  uint32_t choices_;
  std::bitset<128> seen_;      // choices by index
  std::bitset<128> finished_;  // of these, those with a finish reason
  Usage usage_;
  std::string model_;
  UpstreamFailure failure_;
};

}  // namespace sluice::dialect
