#include "dialect/chat/stream_converter.hpp"

#include "dialect/errors.hpp"
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

StreamConverter::StreamConverter(Endpoint upstream, const AnswerPlan& plan,
                                 const StreamOptions& options)
    : options_(options), inspector_(upstream, false), sides_(sides_for(upstream, plan)) {
  usage_.counts.input = options.input_estimate;
  if (auto* side = std::get_if<FromOpenAi>(&sides_)) {
    side->writer.prepare(usage_, options.request_id);
  } else {
    std::get<FromAnthropic>(sides_).writer.prepare(options.request_id);
  }
  if (TextGate::needed(plan)) gate_ = std::make_unique<TextGate>(plan, writer());
}

StreamConverter::Sides StreamConverter::sides_for(Endpoint upstream, const AnswerPlan& plan) {
  return upstream == Endpoint::kMessages ? Sides(std::in_place_type<FromAnthropic>, plan)
                                         : Sides(std::in_place_type<FromOpenAi>, plan);
}

StreamWriter& StreamConverter::writer() {
  return std::visit([](auto& side) -> StreamWriter& { return side.writer; }, sides_);
}

std::string_view StreamConverter::keep_alive() const {
  return std::visit([](const auto& side) { return side.writer.keep_alive(); }, sides_);
}

EventVerdict StreamConverter::convert(const http::SseEvent& event, std::string& out) {
  if (state_ != State::kOpen) return {};
  EventParts& parts = scratch();
  EventVerdict verdict = inspector_.inspect(event, &parts);
  if (verdict.error) return failed(verdict, out);
  if (verdict.malformed) return verdict;
  writer().set_output(out);
  take_usage();
  if (parts.finish_reason != FinishReason::kNone) finish_ = parts.finish_reason;
  const std::string_view model = inspector_.model();
  if (auto* side = std::get_if<FromOpenAi>(&sides_)) {
    if (event.has_data && !verdict.terminal) {
      side->reader.read(parts, verdict.texts, model, verdict.finish, sink());
    }
    if (side->reader.overflowed()) {
      fail_with(ErrorCode::kUpstreamError, {});
      return failed(verdict, out);
    }
  } else {
    std::get<FromAnthropic>(sides_).reader.read(parts, verdict.texts, model, sink());
  }
  if (verdict.terminal || (gate_ && gate_->matched() != nullptr)) return terminate(verdict, out);
  const bool comment = !event.has_data && event.event.empty() && event.raw.contains(':');
  if ((comment || parts.type == "ping") && writer().started()) out += keep_alive();
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
  writer().set_output(out);
  const bool matched = gate_ && gate_->matched() != nullptr;
  auto* openai = std::get_if<FromOpenAi>(&sides_);
  // OpenAI's [DONE] alone does not tell that the answer is whole; Anthropic's message_stop does.
  const bool whole = matched || finish_ != FinishReason::kNone || options_.end_without_finish ||
                     (openai == nullptr && inspector_.terminated());
  if (!whole) {
    fail_with(ErrorCode::kUpstreamStreamInterrupted, "upstream stream ended before completion");
    return failed(verdict, out);
  }
  bool usable = true;
  uint32_t blocks = 0;
  if (openai != nullptr) {
    usable = matched || openai->reader.close(finish_, sink());
    blocks = openai->reader.blocks();
  } else {
    auto& reader = std::get<FromAnthropic>(sides_).reader;
    reader.close(sink());
    blocks = reader.blocks();
  }
  const bool unexplained = finish_ == FinishReason::kNone || finish_ == FinishReason::kOther;
  if (!writer().started() || !usable || (unexplained && blocks == 0)) {
    fail_with(ErrorCode::kUpstreamError, {});
    return failed(verdict, out);
  }
  state_ = State::kTerminated;
  verdict.terminal = true;
  return verdict;
}

EventVerdict StreamConverter::failed(EventVerdict verdict, std::string& out) {
  state_ = State::kFailed;
  verdict.error = true;
  const Dialect client = sides_.index() == 0 ? Dialect::kAnthropic : Dialect::kOpenAi;
  out += render_stream_error(client, failure().error, options_.request_id);
  return verdict;
}

void StreamConverter::fail_with(ErrorCode code, std::string message) {
  failure_ = std::make_unique<UpstreamFailure>();
  failure_->error = {.code = code, .message = std::move(message), .param = {}};
  failure_->dialect = sides_.index() == 0 ? Dialect::kOpenAi : Dialect::kAnthropic;
}

FinishReason StreamConverter::finish_reason() const {
  if (gate_ && gate_->matched() != nullptr) return FinishReason::kStopSequence;
  const auto* side = std::get_if<FromOpenAi>(&sides_);
  return side == nullptr ? finish_ : side->reader.finish_reason(finish_);
}

bool StreamConverter::finished() const {
  return state_ == State::kTerminated ||
         (state_ == State::kOpen &&
          (finish_ != FinishReason::kNone || options_.end_without_finish));
}

void StreamConverter::finish(const Usage& usage, std::string& out) {
  if (state_ != State::kTerminated) return;
  writer().set_output(out);
  Stop stop{.reason = finish_reason(), .sequence = {}, .category = {}, .explanation = {}};
  Arena arena;
  if (auto* side = std::get_if<FromOpenAi>(&sides_)) {
    side->writer.set_end(side->reader.cut(), side->reader.service_tier());
    if (gate_ && gate_->matched() != nullptr) stop.sequence = arena.text(*gate_->matched());
  } else {
    const json::String text = std::get<FromAnthropic>(sides_).reader.stop_text();
    if (stop.reason == FinishReason::kContentFilter) stop.explanation = text;
  }
  writer().finish(stop, usage);
}

void StreamConverter::resume() {
  if (state_ != State::kTerminated) return;
  state_ = State::kOpen;
  finish_ = FinishReason::kNone;
  earlier_ = std::make_unique<Usage>(usage_);
  const bool anthropic = sides_.index() == 1;
  inspector_ = StreamInspector(anthropic ? Endpoint::kMessages : Endpoint::kChatCompletions, false);
  if (auto* side = std::get_if<FromAnthropic>(&sides_)) side->reader.resume();
}

}  // namespace sluice::dialect::chat
