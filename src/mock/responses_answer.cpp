#include <fmt/format.h>

#include <algorithm>

#include "mock/responses.hpp"

namespace sluice::mock::responses {

namespace {

constexpr std::string_view kFailure =
    "The server had an error while processing your request. Sorry about that!";

/// Writes one response: its events, or its object alone.
class Response {
 public:
  Response(const Ask& ask, const Script& script)
      : ask_(ask), script_(script), plan_(ask, script, 0), builder_(ask.stream) {
    reasons_ = plan_.thinking_words() > 0;
    // A limit that was spent on thinking leaves nothing to say.
    speaks_ = plan_.text_events() > 0 || (!plan_.tools() && !(plan_.cut() && reasons_));
  }

  Answer stream();
  Answer whole();

 private:
  // Of the response and its items: what is known when the event is sent.
  enum Stage : uint8_t { kBegun, kEnded, kFailed };

  bool incomplete() const { return plan_.cut() || script_.filtered; }
  std::string_view end_status() const { return incomplete() ? "incomplete" : "completed"; }
  std::string_view status(Stage stage) const {
    if (stage == kFailed) return "failed";
    return stage == kBegun ? "in_progress" : end_status();
  }
  uint32_t message_index() const { return reasons_ ? 1 : 0; }
  uint32_t call_index(uint32_t call) const { return message_index() + (speaks_ ? 1 : 0) + call; }

  /// Begins an event; its object's last brace comes from end().
  AnswerBuilder& event(std::string_view type, uint32_t step, bool content = false) {
    builder_.begin(step, content);
    builder_.text("event: ").text(type).text("\ndata: {\"type\":\"").text(type);
    return builder_.text(R"(","sequence_number":)").number(sequence_++);
  }
  /// The same, of an item: `prefix` is its id's.
  AnswerBuilder& item_event(std::string_view type, uint32_t step, std::string_view prefix,
                            uint32_t index, bool content = false) {
    event(type, step, content).text(R"(,"item_id":")").text(prefix);
    builder_.gap(Gap::kItemId, static_cast<uint8_t>(index));
    return builder_.text(R"(","output_index":)").number(index);
  }
  void end() { builder_.end_object(script_, "\n\n"); }
  /// The step of what comes with the next content event; the first item opens at once.
  uint32_t next_step() const { return step_ == 0 ? 0 : step_ + 1; }
  uint32_t last_step() const { return std::max(1U, step_); }

  void append_response(Stage stage);
  void append_usage();
  void append_id(std::string_view prefix, uint32_t index) {
    builder_.text(R"({"id":")").text(prefix).gap(Gap::kItemId, static_cast<uint8_t>(index));
    builder_.text("\"");
  }
  void append_summary(Stage stage);
  void append_reasoning(Stage stage);
  void append_part(Stage stage);
  void append_message(Stage stage);
  void append_call(Stage stage, uint32_t call);

  void begin_item(uint32_t index) {
    event("response.output_item.added", next_step()).text(R"(,"output_index":)").number(index);
    builder_.text(R"(,"item":)");
  }
  void end_item(uint32_t index) {
    event("response.output_item.done", last_step()).text(R"(,"output_index":)").number(index);
    builder_.text(R"(,"item":)");
  }
  void reasoning();
  void message();
  void begin_call(uint32_t call);
  void call_piece(uint32_t call, uint32_t piece);
  void end_call(uint32_t call);
  void calls();
  void break_off();
  std::string arguments_of(uint32_t call) const {
    return plan_.pieces() > 0 ? plan_.all_arguments(call) : "{}";
  }

  const Ask& ask_;
  const Script& script_;
  Plan plan_;
  AnswerBuilder builder_;
  bool reasons_;
  bool speaks_;
  uint32_t step_ = 0;
  uint32_t sequence_ = 0;
};

void Response::append_usage() {
  builder_.text(R"({"input_tokens":)").prompt_tokens();
  builder_.text(R"(,"input_tokens_details":{"cached_tokens":)").gap(Gap::kCachedTokens);
  builder_.text(R"(,"cache_write_tokens":)").gap(Gap::kWrittenTokens).text("}");
  builder_.text(R"(,"output_tokens":)").number(plan_.tokens());
  builder_.text(R"(,"output_tokens_details":{"reasoning_tokens":)");
  builder_.number(plan_.thinking_words()).text(R"(},"total_tokens":)");
  builder_.prompt_tokens(plan_.tokens()).text("}");
}

void Response::append_summary(Stage stage) {
  builder_.text(R"({"type":"summary_text","text":)");
  builder_.quoted(stage == kBegun ? "" : plan_.all_thinking()).text("}");
}

void Response::append_reasoning(Stage stage) {
  append_id("rs_", 0);
  builder_.text(R"(,"type":"reasoning","summary":[)");
  if (stage == kEnded && plan_.thinking_events() > 0) append_summary(kEnded);
  builder_.text("]");
  if (ask_.sealed_thinking) {
    // What comes at first is not what is to be played back.
    builder_.text(R"(,"encrypted_content":")");
    stage == kEnded ? builder_.gap(Gap::kSeal, 0) : builder_.text("gAAAAAB");
    builder_.text("\"");
  }
  builder_.text("}");
}

void Response::append_part(Stage stage) {
  builder_.text(script_.refuses
                    ? R"({"type":"refusal","refusal":)"
                    : R"({"type":"output_text","annotations":[],"logprobs":[],"text":)");
  builder_.quoted(stage == kBegun ? "" : plan_.all_text()).text("}");
}

void Response::append_message(Stage stage) {
  append_id("msg_", message_index());
  builder_.text(R"(,"type":"message","status":)").quoted(status(stage));
  builder_.text(R"(,"role":"assistant","content":[)");
  if (stage == kEnded) append_part(kEnded);
  builder_.text("]}");
}

void Response::append_call(Stage stage, uint32_t call) {
  append_id("fc_", call_index(call));
  builder_.text(R"(,"type":"function_call","status":)").quoted(status(stage));
  builder_.text(R"(,"arguments":)").quoted(stage == kBegun ? "" : arguments_of(call));
  builder_.text(R"(,"call_id":"call_)").gap(Gap::kToolId, static_cast<uint8_t>(call));
  builder_.text(R"(","name":)").quoted(ask_.tools[call]).text("}");
}

void Response::append_response(Stage stage) {
  builder_.text(R"("id":")").gap(Gap::kId).text(R"(","object":"response","created_at":)");
  builder_.gap(Gap::kCreated).text(R"(,"status":)").quoted(status(stage));
  builder_.text(",").gap(Gap::kEcho).text(R"("completed_at":)");
  const bool completed = stage == kEnded && !incomplete();
  completed ? builder_.gap(Gap::kCreated) : builder_.text("null");
  builder_.text(R"(,"error":)");
  if (stage == kFailed) {
    builder_.text(R"({"code":"server_error","message":)").quoted(kFailure).text("}");
  } else {
    builder_.text("null");
  }
  builder_.text(R"(,"incomplete_details":)");
  if (stage == kEnded && incomplete()) {
    builder_.text(R"({"reason":)").quoted(plan_.cut() ? "max_output_tokens" : "content_filter");
    builder_.text("}");
  } else {
    builder_.text("null");
  }
  builder_.text(R"(,"model":)").quoted(ask_.model).text(R"(,"output":[)");
  if (stage == kEnded) {
    std::string_view comma;
    if (reasons_) {
      append_reasoning(kEnded);
      comma = ",";
    }
    if (speaks_) {
      builder_.text(comma);
      append_message(kEnded);
      comma = ",";
    }
    for (uint32_t call = 0; call < plan_.calls(); ++call) {
      builder_.text(comma);
      append_call(kEnded, call);
      comma = ",";
    }
  }
  builder_.text(R"(],"usage":)");
  if (stage == kEnded && script_.usage) {
    append_usage();
  } else {
    builder_.text("null");
  }
}

void Response::reasoning() {
  begin_item(0);
  append_reasoning(kBegun);
  end();
  if (plan_.thinking_events() > 0) {
    item_event("response.reasoning_summary_part.added", next_step(), "rs_", 0);
    builder_.text(R"(,"summary_index":0,"part":)");
    append_summary(kBegun);
    end();
    for (uint32_t i = 0; i < plan_.thinking_events(); ++i) {
      item_event("response.reasoning_summary_text.delta", ++step_, "rs_", 0, true);
      builder_.text(R"(,"summary_index":0,"delta":)").quoted(plan_.thinking_event(i));
      builder_.tokens(plan_.thinking_tokens(i));
      end();
    }
    item_event("response.reasoning_summary_text.done", step_, "rs_", 0);
    builder_.text(R"(,"summary_index":0,"text":)").quoted(plan_.all_thinking());
    end();
    item_event("response.reasoning_summary_part.done", step_, "rs_", 0);
    builder_.text(R"(,"summary_index":0,"part":)");
    append_summary(kEnded);
    end();
  }
  end_item(0);
  append_reasoning(kEnded);
  if (plan_.thinking_events() == 0) builder_.tokens(plan_.thinking_words());
  end();
}

void Response::message() {
  const uint32_t index = message_index();
  begin_item(index);
  append_message(kBegun);
  end();
  item_event("response.content_part.added", next_step(), "msg_", index);
  builder_.text(R"(,"content_index":0,"part":)");
  append_part(kBegun);
  end();
  // A refusal has no log probabilities.
  const std::string_view kind = script_.refuses ? "response.refusal" : "response.output_text";
  const std::string_view place =
      script_.refuses ? R"(,"content_index":0)" : R"(,"content_index":0,"logprobs":[])";
  for (uint32_t i = 0; i < plan_.text_events(); ++i) {
    item_event(fmt::format("{}.delta", kind), ++step_, "msg_", index, true);
    builder_.text(place).text(R"(,"delta":)");
    append_text(builder_, ask_, plan_, i);
    end();
  }
  item_event(fmt::format("{}.done", kind), last_step(), "msg_", index);
  builder_.text(place).text(script_.refuses ? R"(,"refusal":)" : R"(,"text":)");
  builder_.quoted(plan_.all_text());
  end();
  item_event("response.content_part.done", last_step(), "msg_", index);
  builder_.text(R"(,"content_index":0,"part":)");
  append_part(kEnded);
  end();
  end_item(index);
  append_message(kEnded);
  end();
}

void Response::begin_call(uint32_t call) {
  begin_item(call_index(call));
  append_call(kBegun, call);
  builder_.tokens(count_tokens(ask_.tools[call]));
  end();
}

void Response::call_piece(uint32_t call, uint32_t piece) {
  item_event("response.function_call_arguments.delta", ++step_, "fc_", call_index(call), true);
  builder_.text(R"(,"delta":)").quoted(kToolArguments[call][piece]);
  builder_.tokens(argument_tokens(call, piece));
  end();
}

void Response::end_call(uint32_t call) {
  item_event("response.function_call_arguments.done", last_step(), "fc_", call_index(call));
  builder_.text(R"(,"name":)").quoted(ask_.tools[call]);
  builder_.text(R"(,"arguments":)").quoted(arguments_of(call));
  end();
  end_item(call_index(call));
  append_call(kEnded, call);
  end();
}

void Response::calls() {
  const uint32_t calls = plan_.calls();
  if (!script_.interleaved) {
    for (uint32_t call = 0; call < calls; ++call) {
      begin_call(call);
      for (uint32_t piece = 0; piece < plan_.pieces(); ++piece) call_piece(call, piece);
      end_call(call);
    }
    return;
  }
  for (uint32_t call = 0; call < calls; ++call) begin_call(call);
  for (uint32_t piece = 0; piece < plan_.pieces(); ++piece) {
    for (uint32_t call = 0; call < calls; ++call) call_piece(call, piece);
  }
  for (uint32_t call = 0; call < calls; ++call) end_call(call);
}

Answer Response::stream() {
  for (const std::string_view type : {"response.created", "response.in_progress"}) {
    event(type, 0).text(R"(,"response":{)");
    append_response(kBegun);
    builder_.text("}");
    end();
  }
  if (reasons_) reasoning();
  if (speaks_) message();
  calls();
  if (script_.terminal) {
    event(incomplete() ? "response.incomplete" : "response.completed", last_step());
    builder_.text(R"(,"response":{)");
    append_response(kEnded);
    builder_.text("}");
    end();
  }
  if (script_.error_after) break_off();
  return builder_.take(plan_.tokens());
}

Answer Response::whole() {
  builder_.begin(std::max(1U, plan_.events()));
  builder_.text("{");
  append_response(kEnded);
  builder_.end_object(script_, "");
  return builder_.take(plan_.tokens());
}

void Response::break_off() {
  const auto step = builder_.break_off(*script_.error_after);
  if (!step) return;
  // Every event is a frame.
  sequence_ = static_cast<uint32_t>(builder_.frames());
  if (script_.oddity == kFailedResponse) {
    event("response.failed", *step).text(R"(,"response":{)");
    append_response(kFailed);
    builder_.text("}");
  } else {
    event("error", *step).text(R"(,"code":"server_error","message":)").quoted(kFailure);
    builder_.text(R"(,"param":null)");
  }
  end();
}

}  // namespace

Answer make_response(const Ask& ask, const Script& script) {
  Response response(ask, script);
  return ask.stream ? response.stream() : response.whole();
}

Answer make_token_count(const Ask&, const Script& script) {
  AnswerBuilder builder(false);
  builder.begin(1);
  builder.text(R"({"object":"response.input_tokens","input_tokens":)").prompt_tokens();
  builder.end_object(script, "");
  return builder.take(0);
}

}  // namespace sluice::mock::responses
