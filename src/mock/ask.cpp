#include "mock/ask.hpp"

#include <algorithm>
#include <utility>

#include "tokens/encoding.hpp"

namespace sluice::mock {

namespace {

uint32_t events_of(uint64_t words, uint32_t words_each) {
  return static_cast<uint32_t>((words + words_each - 1) / words_each);
}

uint64_t text_seed(const Ask& ask, uint32_t part) { return mix(seed_of(ask.model) ^ mix(part)); }

Text text_of(const Ask& ask, const Script& script, uint32_t choice) {
  const bool none = script.tools && !script.events_given;
  if (script.fenced_json && !none) return Text::fenced_json();
  if (!script.scripted) return Text::greeting();
  return {text_seed(ask, choice * 2), none ? 0 : uint64_t{script.events} * script.words};
}

}  // namespace

Plan::Plan(const Ask& ask, const Script& script, uint32_t choice)
    : ask_(ask),
      thinking_(text_seed(ask, choice * 2 + 1),
                script.thinking ? uint64_t{kThinkingEvents} * script.words : 0),
      text_(text_of(ask, script, choice)),
      words_(script.words) {
  thinking_words_ = std::min(thinking_.size(), ask.limit);
  said_ = std::min(ask.said_words, text_.size());
  text_words_ = std::min(text_.size() - said_, ask.limit - thinking_words_);
  thinking_events_ = ask.hide_thinking ? 0 : events_of(thinking_words_, words_);
  text_events_ = events_of(text_words_, words_);
  cut_ = thinking_words_ + text_words_ < thinking_.size() + text_.size() - said_;
  if (!script.tools || script.refuses || script.filtered || cut_) return;
  if (script.oddity == kNoArguments) pieces_ = 0;
  const uint32_t calls = script.oddity == kNoIndex ? 1 : kMostCalls;
  uint64_t tokens = 0;
  for (uint32_t call = 0; call < calls; ++call) tokens += call_tokens(call);
  // Half a call is of no use to anybody: where the limit leaves no room for all, there are none.
  cut_ = tokens > ask.limit - thinking_words_ - text_words_;
  if (cut_) return;
  calls_ = calls;
  tool_tokens_ = tokens;
}

uint64_t Plan::call_tokens(uint32_t call) const {
  uint64_t tokens = count_tokens(ask_.tools[call]);
  for (uint32_t piece = 0; piece < pieces_; ++piece) tokens += argument_tokens(call, piece);
  return tokens;
}

std::string Plan::all_arguments(uint32_t call) const {
  std::string arguments;
  for (uint32_t piece = 0; piece < pieces_; ++piece) arguments += kToolArguments[call][piece];
  return arguments;
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
  text_.append(out, said_ + first, std::min<uint64_t>(words_, text_words_ - first));
  return out;
}

std::string Plan::all_thinking() const {
  std::string out;
  thinking_.append(out, 0, thinking_words_);
  return out;
}

std::string Plan::all_text() const {
  std::string out;
  text_.append(out, said_, text_words_);
  return out;
}

void append_text(AnswerBuilder& builder, const Ask& ask, const Plan& plan, uint32_t event) {
  if (ask.stamps) {
    builder.text("\"t").gap(Gap::kClock).text(" \"");
  } else {
    builder.quoted(plan.text_event(event));
  }
  builder.tokens(plan.text_tokens(event));
}

uint64_t count_tokens(std::string_view text) {
  constexpr size_t kMostBytes = 256 * 1024;
  if (text.size() > kMostBytes) return (text.size() + 3) / 4;
  return tokens::Encoding::get(tokens::EncodingId::kO200kBase).count(text);
}

uint64_t count_content(json::Value content) {
  if (const auto text = content.as_string()) return count_tokens(*text);
  if (content.kind() != json::Kind::kArray) {
    return content.exists() && !content.is_null() ? rough_tokens(content) : 0;
  }
  uint64_t tokens = 0;
  json::Elements parts(content);
  json::Value part;
  while (parts.next(part)) {
    const auto text = part["text"].as_string();
    const std::string type = part["type"].as_string().value_or("");
    const bool plain = type == "text" || type == "input_text" || type == "output_text";
    tokens += text && plain ? count_tokens(*text) : rough_tokens(part);
  }
  return tokens;
}

void take_prefill(json::Value messages, Ask& ask) {
  json::Elements elements(messages);
  json::Value message;
  json::Value last;
  while (elements.next(message)) last = message;
  if (!ask.script.scripted || ask.script.pauses > 0) return;
  if (last["role"].as_string() != "assistant") return;
  std::string said;
  const json::Value content = last["content"];
  if (const auto text = content.as_string()) said = *text;
  if (content.kind() == json::Kind::kArray) {
    json::Elements parts(content);
    for (json::Value part; parts.next(part);) said += part["text"].as_string().value_or("");
  }
  const auto trimmed = [](std::string_view text) {
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  };
  const std::string_view wanted = trimmed(said);
  const Text text = text_of(ask, ask.script, 0);
  std::string begun;
  for (uint64_t word = 0; word < text.size() && begun.size() <= wanted.size(); ++word) {
    text.append(begun, word, 1);
    if (!wanted.empty() && trimmed(begun) == wanted) ask.said_words = word + 1;
  }
}

uint64_t rough_tokens(json::Value value) { return (value.raw().size() + 3) / 4; }

uint64_t argument_tokens(uint32_t call, size_t piece) {
  std::string arguments;
  uint64_t before = 0;
  for (size_t i = 0; i <= piece; ++i) {
    if (i == piece) before = count_tokens(arguments);
    arguments.append(kToolArguments[call][i]);
  }
  const uint64_t after = count_tokens(arguments);
  return after - std::min(before, after);
}

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
