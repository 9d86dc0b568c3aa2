#include "dialect/chat/stream_converter.hpp"

#include "dialect/chat/conversions.hpp"
#include "dialect/event_facts.hpp"

namespace sluice::dialect::chat {
namespace {

/// One for all streams of a thread: used up before the next event is read.
EventParts& scratch() {
  thread_local EventParts parts;
  constexpr size_t kKeptCalls = 256;
  if (parts.calls.capacity() > kKeptCalls) std::vector<EventParts::Call>().swap(parts.calls);
  parts.clear();
  return parts;
}

}  // namespace

StreamConverter::StreamConverter(Endpoint upstream, Endpoint client, const AnswerPlan& plan,
                                 const StreamOptions& options)
    : StreamConverter(upstream, make_stream_writer(client, plan), plan, options) {}

StreamConverter::StreamConverter(Endpoint upstream, std::unique_ptr<StreamWriter> writer,
                                 const AnswerPlan& plan, const StreamOptions& options)
    : options_(options),
      upstream_(upstream),
      inspector_(upstream, false),
      reader_(make_stream_reader(upstream, plan)),
      writer_(std::move(writer)) {
  if (options.keep_turn && upstream == Endpoint::kMessages) {
    turn_ = std::make_unique<anthropic::TurnKeeper>();
  }
  usage_.counts.input = options.input_estimate;
  writer_->prepare(usage_, options.request_id);
  if (ReasoningGate::needed(plan)) reasoning_ = std::make_unique<ReasoningGate>(plan, *writer_);
  if (TextGate::needed(plan)) gate_ = std::make_unique<TextGate>(plan, sink());
}

EventVerdict StreamConverter::convert(const http::SseEvent& event, std::string& out) {
  if (state_ != State::kOpen) return {};
  EventParts& parts = scratch();
  EventVerdict verdict = inspector_.inspect(event, &parts);
  if (verdict.error) return failed(verdict, out);
  if (verdict.malformed) return verdict;
  writer_->set_output(out);
  take_usage();
  if (turn_) turn_->take(parts, verdict.texts);
  if (parts.finish_reason != FinishReason::kNone) finish_ = parts.finish_reason;
  // OpenAI's [DONE] is no JSON, and holds nothing.
  if (event.has_data && !(verdict.terminal && upstream_ == Endpoint::kChatCompletions)) {
    reader_->read({.parts = parts,
                   .texts = verdict.texts,
                   .model = inspector_.model(),
                   .finish = verdict.finish},
                  sink());
  }
  if (reader_->overflowed() || writer_->overflowed()) {
    fail_with(ErrorCode::kUpstreamError, {});
    return failed(verdict, out);
  }
  if (verdict.terminal || (gate_ && gate_->matched() != nullptr)) return terminate(verdict, out);
  const bool comment = !event.has_data && event.event.empty() && event.raw.contains(':');
  if ((comment || parts.type == "ping") && writer_->started()) out += keep_alive();
  return verdict;
}

void StreamConverter::take_usage() {
  if (!inspector_.usage().input_known && inspector_.usage().counts.output == 0) return;
  usage_ = inspector_.usage();
  if (!earlier_) return;
  TokenCounts& sum = usage_.counts;
  const TokenCounts& earlier = earlier_->counts;
  sum.input += earlier.input;
  sum.cache_read += earlier.cache_read;
  sum.cache_write += earlier.cache_write;
  sum.output += earlier.output;
  sum.reasoning += earlier.reasoning;
}

EventVerdict StreamConverter::end(std::string& out) {
  if (state_ != State::kOpen) return {};
  return terminate({}, out);
}

EventVerdict StreamConverter::terminate(EventVerdict verdict, std::string& out) {
  verdict.terminal = false;
  writer_->set_output(out);
  const bool matched = gate_ && gate_->matched() != nullptr;
  // OpenAI's [DONE] alone does not tell that the answer is whole; other terminal events do.
  const bool whole = matched || finish_ != FinishReason::kNone || options_.end_without_finish ||
                     (upstream_ != Endpoint::kChatCompletions && inspector_.terminated());
  if (!whole) {
    fail_with(ErrorCode::kUpstreamStreamInterrupted, "upstream stream ended before completion");
    return failed(verdict, out);
  }
  const bool usable = matched || reader_->close(finish_, sink());
  const bool unexplained = finish_ == FinishReason::kNone || finish_ == FinishReason::kOther;
  if (!writer_->started() || !usable || (unexplained && reader_->blocks() == 0)) {
    fail_with(ErrorCode::kUpstreamError, {});
    return failed(verdict, out);
  }
  state_ = State::kTerminated;
  verdict.terminal = true;
  return verdict;
}

EventVerdict StreamConverter::failed(EventVerdict verdict, std::string& out) {
  verdict.error = true;
  fail(failure().error, out);
  return verdict;
}

void StreamConverter::fail(const Error& error, std::string& out) {
  state_ = State::kFailed;
  writer_->set_output(out);
  writer_->fail(error);
}

void StreamConverter::fail_with(ErrorCode code, std::string message) {
  failure_ = std::make_unique<UpstreamFailure>();
  failure_->error = {.code = code, .message = std::move(message), .param = {}};
  failure_->dialect = dialect_of(upstream_);
}

FinishReason StreamConverter::finish_reason() const {
  if (gate_ && gate_->matched() != nullptr) return FinishReason::kStopSequence;
  return reader_->finish_reason(finish_);
}

bool StreamConverter::finished() const {
  return state_ == State::kTerminated ||
         (state_ == State::kOpen &&
          (finish_ != FinishReason::kNone || options_.end_without_finish));
}

void StreamConverter::finish(const Usage& usage, std::string& out) {
  if (state_ != State::kTerminated) return;
  writer_->set_output(out);
  StreamEnd end{
      .stop = {.reason = finish_reason(), .sequence = {}, .category = {}, .explanation = {}},
      .cut = reader_->cut(),
      .service_tier = reader_->service_tier()};
  Arena arena;
  if (gate_ && gate_->matched() != nullptr) {
    end.stop.sequence = arena.text(*gate_->matched());
  } else if (end.stop.reason == FinishReason::kContentFilter) {
    end.stop.explanation = reader_->stop_text();
  } else if (end.stop.reason == FinishReason::kStopSequence) {
    end.stop.sequence = reader_->stop_text();
  }
  writer_->finish(end, usage);
}

void StreamConverter::resume() {
  if (state_ != State::kTerminated) return;
  state_ = State::kOpen;
  finish_ = FinishReason::kNone;
  earlier_ = std::make_unique<Usage>(usage_);
  inspector_ = StreamInspector(upstream_, false);
  reader_->resume();
}

}  // namespace sluice::dialect::chat
