#include <algorithm>

#include "mock/anthropic.hpp"
#include "mock/seals.hpp"

namespace sluice::mock::anthropic {

namespace {

constexpr std::string_view kExplanation = "The script refuses to answer this.";
constexpr std::string_view kQuery = R"({"query":"river"})";
/// Apart from the tool calls of the answer.
constexpr uint8_t kFirstSearch = 100;

/// Writes one message: its events, or its body.
class Message {
 public:
  Message(const Ask& ask, const Script& script)
      : ask_(ask), script_(script), plan_(ask, script, 0), builder_(ask.stream) {
    const uint32_t seen = std::min(ask.pauses_seen, script.pauses);
    first_ = seen == 0;
    last_ = seen == script.pauses || plan_.cut();
    const uint64_t events = script.refuses ? 0 : plan_.text_events();
    text_begin_ = static_cast<uint32_t>(events * seen / (script.pauses + 1));
    text_end_ = last_ ? static_cast<uint32_t>(events)
                      : static_cast<uint32_t>(events * (seen + 1) / (script.pauses + 1));
    for (uint32_t i = text_begin_; i < text_end_; ++i) tokens_ += plan_.text_tokens(i);
    if (thinks()) tokens_ += plan_.thinking_words();
    for (uint32_t call = 0; call < calls(); ++call) tokens_ += plan_.call_tokens(call);
  }

  Answer stream();
  Answer whole();

 private:
  bool thinks() const { return first_ && !script_.refuses && plan_.thinking_words() > 0; }
  bool speaks() const { return text_end_ > text_begin_ || (!script_.refuses && calls() == 0); }
  uint32_t calls() const { return last_ ? plan_.calls() : 0; }
  std::string_view stop_reason() const {
    if (!last_) return "pause_turn";
    if (plan_.cut()) return "max_tokens";
    if (script_.refuses || script_.filtered) return "refusal";
    return plan_.tools() ? "tool_use" : "end_turn";
  }

  // Pieces of both forms.
  void append_stop();
  void append_usage(uint64_t output_tokens);
  void append_signature() {
    std::string subject;
    append_token(subject, seed_of(ask_.model), 100);
    builder_.text("\"");
    append_seal(builder_.out(), subject);
    builder_.text("\"");
  }
  void append_search_head() {
    builder_.text(R"(server_tool_use","id":"srvtoolu_)");
    builder_.gap(Gap::kToolId, static_cast<uint8_t>(kFirstSearch + ask_.pauses_seen));
    builder_.text(R"(","name":"web_search","input":)");
  }
  void append_search_result() {
    builder_.text(R"(web_search_tool_result","tool_use_id":")").gap(Gap::kEcho);
    builder_.text(R"(","content":[]})");
  }

  /// Begins an event; its object's last brace comes from end().
  AnswerBuilder& event(std::string_view type, uint32_t step, bool content = false) {
    builder_.begin(step, content);
    return builder_.text("event: ").text(type).text("\ndata: {\"type\":\"").text(type).text("\"");
  }
  void end() { builder_.end_object(script_, "\n\n"); }
  /// The step of what comes with the next content event; the first block opens at once.
  uint32_t next_step() const { return step_ == 0 && block_ == 0 ? 0 : step_ + 1; }
  uint32_t last_step() const { return std::max(1U, step_); }
  AnswerBuilder& block_start() {
    return event("content_block_start", next_step())
        .text(R"(,"index":)")
        .number(block_)
        .text(R"(,"content_block":{"type":")");
  }
  void ping_once() {
    if (block_ > 0) return;
    event("ping", 0);
    end();
  }
  AnswerBuilder& delta(std::string_view type, uint32_t step, bool content) {
    return event("content_block_delta", step, content)
        .text(R"(,"index":)")
        .number(block_)
        .text(R"(,"delta":{"type":")")
        .text(type)
        .text("\"");
  }
  void block_stop() {
    event("content_block_stop", last_step()).text(R"(,"index":)").number(block_);
    end();
    ++block_;
  }
  void start();
  void search_result();
  void thinking();
  void text();
  void call(uint32_t call);
  void search();
  void stop();
  void break_off();

  const Ask& ask_;
  const Script& script_;
  Plan plan_;
  AnswerBuilder builder_;
  // The part of the turn that is this message, where the turn pauses.
  bool first_;
  bool last_;
  uint32_t text_begin_;
  uint32_t text_end_;
  uint64_t tokens_ = 0;
  uint32_t step_ = 0;
  uint32_t block_ = 0;
};

void Message::append_stop() {
  builder_.text(R"("stop_reason":)");
  if (script_.finish) {
    builder_.quoted(stop_reason());
  } else {
    builder_.text("null");
  }
  builder_.text(R"(,"stop_sequence":null)");
  if (stop_reason() == "refusal") {
    builder_.text(R"(,"stop_details":{"type":"refusal","category":null,"explanation":)");
    builder_.quoted(kExplanation).text("}");
  }
}

void Message::append_usage(uint64_t output_tokens) {
  builder_.text(R"(,"usage":{"input_tokens":)").gap(Gap::kFreshTokens);
  builder_.text(R"(,"cache_creation_input_tokens":)").gap(Gap::kWrittenTokens);
  builder_.text(R"(,"cache_read_input_tokens":)").gap(Gap::kCachedTokens);
  builder_.text(R"(,"output_tokens":)").number(output_tokens);
}

void Message::start() {
  event("message_start", 0).text(R"(,"message":{"model":)").quoted(ask_.model);
  builder_.text(R"(,"id":")").gap(Gap::kId);
  builder_.text(R"(","type":"message","role":"assistant","content":[])");
  builder_.text(R"(,"stop_reason":null,"stop_sequence":null)");
  if (script_.usage) {
    append_usage(1);
    builder_.text(R"(,"cache_creation":{"ephemeral_5m_input_tokens":)").gap(Gap::kWrittenTokens);
    builder_.text(R"(,"ephemeral_1h_input_tokens":0},"service_tier":"standard"})");
  }
  builder_.text("}");
  end();
}

void Message::search_result() {
  block_start();
  append_search_result();
  end();
  ping_once();
  block_stop();
}

void Message::thinking() {
  block_start().text(R"(thinking","thinking":"","signature":""})");
  end();
  ping_once();
  const bool shown = script_.oddity != kNoThoughts;
  for (uint32_t i = 0; shown && i < plan_.thinking_events(); ++i) {
    delta("thinking_delta", ++step_, true).text(R"(,"thinking":)");
    builder_.quoted(plan_.thinking_event(i)).text("}").tokens(plan_.thinking_tokens(i));
    end();
  }
  delta("signature_delta", last_step(), false).text(R"(,"signature":)");
  append_signature();
  builder_.text("}").tokens(shown ? 0 : plan_.thinking_words());
  end();
  block_stop();
}

void Message::text() {
  block_start().text(R"(text","text":""})");
  end();
  ping_once();
  for (uint32_t i = text_begin_; i < text_end_; ++i) {
    delta("text_delta", ++step_, true).text(R"(,"text":)");
    append_text(builder_, ask_, plan_, i);
    builder_.text("}");
    end();
  }
  block_stop();
}

void Message::call(uint32_t call) {
  block_start().text(R"(tool_use","id":"toolu_)");
  builder_.gap(Gap::kToolId, static_cast<uint8_t>(call));
  builder_.text(R"(","name":)").quoted(ask_.tools[call]).text(R"(,"input":{}})");
  builder_.tokens(count_tokens(ask_.tools[call]));
  end();
  ping_once();
  if (plan_.pieces() > 0) {
    // The API opens a call's input with an empty piece.
    delta("input_json_delta", next_step(), false).text(R"(,"partial_json":""})");
    end();
  }
  for (uint32_t piece = 0; piece < plan_.pieces(); ++piece) {
    delta("input_json_delta", ++step_, true).text(R"(,"partial_json":)");
    builder_.quoted(kToolArguments[call][piece]).text("}");
    builder_.tokens(argument_tokens(call, piece));
    end();
  }
  block_stop();
}

void Message::search() {
  block_start();
  append_search_head();
  builder_.text("{}}");
  end();
  ping_once();
  delta("input_json_delta", last_step(), false).text(R"(,"partial_json":)");
  builder_.quoted(kQuery).text("}");
  end();
  block_stop();
}

void Message::stop() {
  const uint32_t step = last_step();
  if (script_.oddity == kTwoFinishes) {
    event("message_delta", step).text(R"(,"delta":{"stop_reason":null,"stop_sequence":null})");
    if (script_.usage) {
      append_usage(tokens_ / 2);
      builder_.text("}");
    }
    end();
  }
  if (script_.finish) {
    event("message_delta", step).text(R"(,"delta":{)");
    append_stop();
    builder_.text("}");
    if (script_.usage) {
      append_usage(tokens_);
      builder_.text("}");
    }
    end();
  }
  if (script_.terminal) {
    event("message_stop", step);
    end();
  }
}

Answer Message::stream() {
  start();
  if (!first_) search_result();
  if (thinks()) thinking();
  if (speaks()) text();
  for (uint32_t i = 0; i < calls(); ++i) call(i);
  if (!last_) search();
  stop();
  if (script_.error_after) break_off();
  return builder_.take(tokens_);
}

void Message::break_off() {
  const auto step = builder_.break_off(*script_.error_after);
  if (!step) return;
  event("error", *step).text(R"(,"error":{"type":"overloaded_error","message":"Overloaded"})");
  end();
}

Answer Message::whole() {
  builder_.begin(std::max(1U, plan_.events()));
  builder_.text(R"({"model":)").quoted(ask_.model).text(R"(,"id":")").gap(Gap::kId);
  builder_.text(R"(","type":"message","role":"assistant","content":[)");
  std::string_view comma;
  const auto block = [&] {
    builder_.text(comma).text(R"({"type":")");
    comma = ",";
  };
  if (!first_) {
    block();
    append_search_result();
  }
  if (thinks()) {
    block();
    builder_.text(R"(thinking","thinking":)");
    builder_.quoted(script_.oddity == kNoThoughts ? "" : plan_.all_thinking());
    builder_.text(R"(,"signature":)");
    append_signature();
    builder_.text("}");
  }
  if (speaks()) {
    block();
    std::string text;
    for (uint32_t i = text_begin_; i < text_end_; ++i) text += plan_.text_event(i);
    builder_.text(R"(text","text":)").quoted(text).text("}");
  }
  for (uint32_t call = 0; call < calls(); ++call) {
    block();
    builder_.text(R"(tool_use","id":"toolu_)").gap(Gap::kToolId, static_cast<uint8_t>(call));
    builder_.text(R"(","name":)").quoted(ask_.tools[call]).text(R"(,"input":)");
    const std::string arguments = plan_.all_arguments(call);
    builder_.text(arguments.empty() ? "{}" : arguments).text("}");
  }
  if (!last_) {
    block();
    append_search_head();
    builder_.text(kQuery).text("}");
  }
  builder_.text("],");
  append_stop();
  if (script_.usage) {
    append_usage(tokens_);
    builder_.text(R"(,"service_tier":"standard"})");
  }
  builder_.end_object(script_, "");
  return builder_.take(tokens_);
}

}  // namespace

Answer make_message(const Ask& ask, const Script& script) {
  Message message(ask, script);
  return ask.stream ? message.stream() : message.whole();
}

Answer make_token_count(const Ask&, const Script& script) {
  AnswerBuilder builder(false);
  builder.begin(1);
  builder.text(R"({"input_tokens":)").gap(Gap::kPromptTokens);
  builder.end_object(script, "");
  return builder.take(0);
}

}  // namespace sluice::mock::anthropic
