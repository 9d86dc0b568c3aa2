#include "dialect/stream.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "dialect/anthropic/stream.hpp"
#include "dialect/anthropic/usage.hpp"
#include "dialect/event_facts.hpp"
#include "dialect/openai/stream.hpp"
#include "dialect/openai/usage.hpp"

namespace sluice::dialect {
namespace {

// An event with more pieces than this is rare, and what it needed is given back.
constexpr size_t kKeptTexts = 1024;

/// One for all streams of a thread, since a verdict is used up before the next event is read.
OutputTexts& scratch() {
  thread_local OutputTexts texts;
  if (texts.capacity() > kKeptTexts) OutputTexts().swap(texts);
  texts.clear();
  return texts;
}

}  // namespace

StreamInspector::StreamInspector(Endpoint endpoint, bool adds_usage, int64_t choices)
    : endpoint_(endpoint),
      adds_usage_(adds_usage),
      choices_(static_cast<uint32_t>(std::clamp<int64_t>(choices, 1, kMaxChoices))) {}

EventVerdict StreamInspector::inspect(const http::SseEvent& event, EventParts* parts) {
  EventVerdict verdict;
  if (!event.has_data) return verdict;
  const std::string_view data = trim(event.data);
  const bool anthropic = dialect_of(endpoint_) == Dialect::kAnthropic;
  if (data == "[DONE]") {
    // Not of Anthropic's dialect, but some upstreams send it there too, and its clients skip it.
    verdict.terminal = !anthropic;
    terminated_ |= verdict.terminal;
    usage_.reported |= terminated_ && usage_current_ && usage_.input_known;
    return verdict;
  }

  OutputTexts& texts = scratch();
  EventFacts facts(texts);
  facts.parts = parts;
  const bool valid = json::valid_utf8(data) && (anthropic ? anthropic::read_event(data, facts)
                                                          : openai::read_event(data, facts));
  if (event.event == "error" || (valid && facts.error)) {
    failure_ = classify_reported_error(dialect_of(endpoint_), data);
    verdict.error = true;
    return verdict;
  }
  if (!valid) {
    verdict.malformed = true;
    return verdict;
  }

  verdict.finish = facts.finish_reason != FinishReason::kNone;
  verdict.has_content = facts.has_content || verdict.finish;
  verdict.terminal = facts.terminal;
  verdict.texts = texts;

  terminated_ |= facts.terminal;
  if (verdict.finish) finish_reason_ = facts.finish_reason;
  if (model_.empty() && facts.model.bytes.size() <= kMaxModelBytes) facts.model.append_to(model_);
  seen_ |= facts.seen;
  finished_ |= facts.finished;
  take_usage(facts);
  verdict.added_usage = adds_usage_ && !anthropic && facts.usage.exists() && !facts.has_choices;
  return verdict;
}

void StreamInspector::take_usage(const EventFacts& facts) {
  const bool anthropic = dialect_of(endpoint_) == Dialect::kAnthropic;
  if (!facts.texts.empty()) usage_current_ = false;
  if (facts.usage.exists()) {
    usage_current_ = anthropic ? anthropic::read_usage(facts.usage, usage_) && facts.usage_of_end
                               : openai::read_usage(facts.usage, usage_);
  }
  usage_.reported = usage_current_ && usage_.input_known && (finished() || terminated_);
}

bool StreamInspector::finished() const {
  if (dialect_of(endpoint_) == Dialect::kAnthropic) return finish_reason_ != FinishReason::kNone;
  return finished_.count() >= choices_ && finished_ == seen_;
}

std::string_view StreamInspector::synthesize_terminal() const {
  if (terminated_ || !finished()) return {};
  return dialect_of(endpoint_) == Dialect::kAnthropic
             ? "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
             : "data: [DONE]\n\n";
}

}  // namespace sluice::dialect
