#include "mock/ask.hpp"

#include <algorithm>
#include <utility>

namespace sluice::mock {

namespace {

uint32_t events_of(uint64_t words, uint32_t words_each) {
  return static_cast<uint32_t>((words + words_each - 1) / words_each);
}

uint64_t text_seed(const Ask& ask, uint32_t part) { return mix(seed_of(ask.model) ^ mix(part)); }

Text text_of(const Ask& ask, const Script& script, uint32_t choice) {
  if (!script.scripted) return Text::greeting();
  const bool none = script.tools && !script.events_given;
  return {text_seed(ask, choice * 2), none ? 0 : uint64_t{script.events} * script.words};
}

}  // namespace

Plan::Plan(const Ask& ask, const Script& script, uint32_t choice)
    : thinking_(text_seed(ask, choice * 2 + 1),
                script.thinking ? uint64_t{kThinkingEvents} * script.words : 0),
      text_(text_of(ask, script, choice)),
      words_(script.words) {
  thinking_words_ = std::min(thinking_.size(), ask.limit);
  text_words_ = std::min(text_.size(), ask.limit - thinking_words_);
  thinking_events_ = events_of(thinking_words_, words_);
  text_events_ = events_of(text_words_, words_);
  cut_ = thinking_words_ + text_words_ < thinking_.size() + text_.size();
  tools_ = script.tools && !cut_;
}

std::string Plan::thinking_event(uint32_t index) const {
  std::string out;
  const uint64_t first = uint64_t{index} * words_;
  thinking_.append(out, first, std::min<uint64_t>(words_, thinking_words_ - first));
  return out;
}

std::string Plan::text_event(uint32_t index) const {
  std::string out;
  const uint64_t first = uint64_t{index} * words_;
  text_.append(out, first, std::min<uint64_t>(words_, text_words_ - first));
  return out;
}

std::string Plan::all_thinking() const {
  std::string out;
  thinking_.append(out, 0, thinking_words_);
  return out;
}

std::string Plan::all_text() const {
  std::string out;
  text_.append(out, 0, text_words_);
  return out;
}

void append_text(AnswerBuilder& builder, const Ask& ask, const Plan& plan, uint32_t event) {
  if (ask.stamps) {
    builder.text("\"t").gap(Gap::kClock).text(" \"");
  } else {
    builder.quoted(plan.text_event(event));
  }
}

uint64_t count_tokens(json::Value value) { return (value.raw().size() + 3) / 4; }

void take_tool_names(json::Value tools, std::string_view wrapper, Ask& ask) {
  json::Elements elements(tools);
  json::Value tool;
  size_t found = 0;
  while (found < ask.tools.size() && elements.next(tool)) {
    const json::Value holder = wrapper.empty() ? tool : tool[wrapper];
    auto name = holder["name"].as_string();
    if (!name || name->empty()) continue;
    ask.tools[found++] = std::move(*name);
  }
  if (found == 1) ask.tools[1] = ask.tools[0];
}

}  // namespace sluice::mock
