#include "dialect/stream.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "dialect/anthropic/stream.hpp"
#include "dialect/anthropic/usage.hpp"
#include "dialect/event_facts.hpp"
#include "dialect/gemini/stream.hpp"
#include "dialect/gemini/usage.hpp"
#include "dialect/openai/stream.hpp"
#include "dialect/openai/usage.hpp"
#include "dialect/responses/stream.hpp"
#include "dialect/responses/usage.hpp"

namespace sluice::dialect {
namespace {

// An event with more pieces than this is rare, and what it needed is given back.
constexpr size_t kKeptTexts = 1024;
// More texts than this in one answer are told by pieces alone.
constexpr size_t kMaxLanes = 256;

/// One for all streams of a thread, since a verdict is used up before the next event is read.
OutputTexts& scratch() {
  thread_local OutputTexts texts;
  if (texts.capacity() > kKeptTexts) OutputTexts().swap(texts);
  texts.clear();
  return texts;
}

bool read_event(Dialect dialect, std::string_view data, EventFacts& facts) {
  switch (dialect) {
    case Dialect::kOpenAi:
      return openai::read_event(data, facts);
    case Dialect::kAnthropic:
      return anthropic::read_event(data, facts);
    case Dialect::kResponses:
      return responses::read_event(data, facts);
    case Dialect::kGemini:
      return gemini::read_event(data, facts);
  }
  return false;
}

bool read_usage(Dialect dialect, json::Value object, Usage& usage) {
  switch (dialect) {
    case Dialect::kOpenAi:
      return openai::read_usage(object, usage);
    case Dialect::kAnthropic:
      return anthropic::read_usage(object, usage);
    case Dialect::kResponses:
      return responses::read_usage(object, usage);
    case Dialect::kGemini:
      return gemini::read_usage(object, usage);
  }
  return false;
}

}  // namespace

StreamInspector::StreamInspector(Endpoint endpoint, bool adds_usage, int64_t choices)
    : endpoint_(endpoint),
      adds_usage_(adds_usage),
      choices_(static_cast<uint32_t>(std::clamp<int64_t>(choices, 1, kMaxChoices))) {}

const UpstreamFailure& StreamInspector::failure() const {
  static const UpstreamFailure kNone;
  return failure_ ? *failure_ : kNone;
}

EventVerdict StreamInspector::inspect(const http::SseEvent& event, EventParts* parts) {
  EventVerdict verdict;
  if (!event.has_data) return verdict;
  const std::string_view data = trim(event.data);
  const Dialect dialect = dialect_of(endpoint_);
  if (data == "[DONE]") {
    // Not of the other dialects, but some upstreams send it there too, and clients skip it.
    verdict.terminal = dialect == Dialect::kOpenAi;
    terminated_ |= verdict.terminal;
    usage_.reported |= terminated_ && usage_current_ && usage_.input_known;
    return verdict;
  }

  OutputTexts& texts = scratch();
  EventFacts facts(texts);
  facts.parts = parts;
  const bool valid = json::valid_utf8(data) && read_event(dialect, data, facts);
  if (event.event == "error" || (valid && facts.error)) {
    failure_ = std::make_unique<UpstreamFailure>(classify_reported_error(dialect, data));
    verdict.error = true;
    return verdict;
  }
  if (!valid) {
    verdict.malformed = true;
    return verdict;
  }

  if (dialect == Dialect::kResponses) keep_new(facts);
  verdict.finish = facts.finish_reason != FinishReason::kNone;
  verdict.has_content = facts.has_content || verdict.finish;
  verdict.terminal = facts.terminal;
  verdict.texts = texts;

  terminated_ |= facts.terminal;
  if (facts.sequence && *facts.sequence >= 0) {
    next_sequence_ = *facts.sequence == INT64_MAX ? 0 : *facts.sequence + 1;
  }
  if (verdict.finish) finish_reason_ = facts.finish_reason;
  if (model_.empty() && facts.model.bytes.size() <= kMaxModelBytes) facts.model.append_to(model_);
  seen_ |= facts.seen;
  finished_ |= facts.finished;
  take_usage(facts);
  verdict.added_usage = adds_usage_ && facts.usage.exists() && !facts.has_choices;
  return verdict;
}

// Responses tells every text several times: in pieces, then the whole of it with the end of the
// part, of the item, and of the answer. Some upstreams leave out the pieces.
void StreamInspector::keep_new(EventFacts& facts) {
  const auto known = [this](const OutputText& text) {
    return lanes_.size() == kMaxLanes ||
           std::ranges::find(lanes_.rbegin(), lanes_.rend(), text.lane()) != lanes_.rend();
  };
  if (facts.repeats) {
    std::erase_if(facts.texts, known);
    facts.has_content |= !facts.texts.empty();
  }
  for (const OutputText& text : facts.texts) {
    if (!known(text)) lanes_.push_back(text.lane());
  }
}

void StreamInspector::take_usage(const EventFacts& facts) {
  const Dialect dialect = dialect_of(endpoint_);
  if (!facts.texts.empty()) usage_current_ = false;
  if (facts.usage.exists()) {
    usage_current_ = read_usage(dialect, facts.usage, usage_) &&
                     (facts.usage_of_end || dialect != Dialect::kAnthropic);
  }
  usage_.reported = usage_current_ && usage_.input_known && (finished() || terminated_);
}

bool StreamInspector::finished() const {
  if (dialect_of(endpoint_) != Dialect::kOpenAi) return finish_reason_ != FinishReason::kNone;
  return finished_.count() >= choices_ && finished_ == seen_;
}

std::string_view StreamInspector::synthesize_terminal() const {
  if (terminated_ || !finished()) return {};
  switch (dialect_of(endpoint_)) {
    case Dialect::kOpenAi:
      return "data: [DONE]\n\n";
    case Dialect::kAnthropic:
      return "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    case Dialect::kResponses:  // its finish reason comes with its terminal event
    case Dialect::kGemini:     // has none
      break;
  }
  return {};
}

std::string_view keep_alive(Dialect client) {
  if (client == Dialect::kAnthropic) return "event: ping\ndata: {\"type\":\"ping\"}\n\n";
  // One line feed: many decoders take a blank line for the end of an event without data.
  return ": ping\n";
}

}  // namespace sluice::dialect
