#include <algorithm>

#include "mock/anthropic.hpp"

namespace sluice::mock::anthropic {

namespace {

/// Characters of a thinking block's signature; real ones are of that order.
constexpr size_t kSignature = 340;

class MessageStream {
 public:
  MessageStream(const Ask& ask, const Script& script)
      : ask_(ask), script_(script), plan_(ask, script, 0), builder_(true) {}

  Answer make() {
    start();
    if (plan_.thinking_events() > 0) thinking();
    if (plan_.text_events() > 0 || !plan_.tools()) text();
    if (plan_.tools()) tools();
    stop();
    return builder_.take(plan_.tokens());
  }

 private:
  /// Begins an event; its object's last brace comes from end().
  AnswerBuilder& event(std::string_view type, uint32_t step, bool content = false) {
    builder_.begin(step, content);
    return builder_.text("event: ").text(type).text("\ndata: {\"type\":\"").text(type).text("\"");
  }
  void end() { builder_.end_object(script_, "\n\n"); }

  void start() {
    event("message_start", 0).text(R"(,"message":{"model":)").quoted(ask_.model);
    builder_.text(R"(,"id":")").gap(Gap::kId);
    builder_.text(R"(","type":"message","role":"assistant","content":[])");
    builder_.text(R"(,"stop_reason":null,"stop_sequence":null)");
    if (script_.usage) {
      builder_.text(R"(,"usage":{"input_tokens":)").gap(Gap::kPromptTokens);
      builder_.text(R"(,"cache_creation_input_tokens":0,"cache_read_input_tokens":0)");
      builder_.text(R"(,"cache_creation":{"ephemeral_5m_input_tokens":0)");
      builder_.text(R"(,"ephemeral_1h_input_tokens":0},"output_tokens":1)");
      builder_.text(R"(,"service_tier":"standard"})");
    }
    builder_.text("}");
    end();
  }

  /// The step of what comes with the next content event; the first block opens at once.
  uint32_t next_step() const { return step_ == 0 && block_ == 0 ? 0 : step_ + 1; }

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
    event("content_block_stop", std::max(1U, step_)).text(R"(,"index":)").number(block_);
    end();
    ++block_;
  }

  void thinking() {
    block_start().text(R"(thinking","thinking":"","signature":""})");
    end();
    ping_once();
    for (uint32_t i = 0; i < plan_.thinking_events(); ++i) {
      delta("thinking_delta", ++step_, true).text(R"(,"thinking":)");
      builder_.quoted(plan_.thinking_event(i)).text("}").tokens(plan_.thinking_tokens(i));
      end();
    }
    delta("signature_delta", step_, false).text(R"(,"signature":")");
    append_token(builder_.out(), seed_of(ask_.model), kSignature);
    builder_.text("\"}");
    end();
    block_stop();
  }

  void text() {
    block_start().text(R"(text","text":""})");
    end();
    ping_once();
    for (uint32_t i = 0; i < plan_.text_events(); ++i) {
      delta("text_delta", ++step_, true).text(R"(,"text":)");
      append_text(builder_, ask_, plan_, i);
      builder_.text("}");
      end();
    }
    block_stop();
  }

  void tools() {
    for (uint32_t call = 0; call < kToolArguments.size(); ++call) {
      block_start().text(R"(tool_use","id":"toolu_)");
      builder_.gap(Gap::kToolId, static_cast<uint8_t>(call));
      builder_.text(R"(","name":)").quoted(ask_.tools[call]).text(R"(,"input":{}})");
      builder_.tokens(count_tokens(ask_.tools[call]));
      end();
      ping_once();
      // The API opens a call's input with an empty piece.
      delta("input_json_delta", next_step(), false).text(R"(,"partial_json":""})");
      end();
      for (size_t piece = 0; piece < kToolArguments[call].size(); ++piece) {
        delta("input_json_delta", ++step_, true).text(R"(,"partial_json":)");
        builder_.quoted(kToolArguments[call][piece]).text("}");
        builder_.tokens(argument_tokens(call, piece));
        end();
      }
      block_stop();
    }
  }

  void stop();

  const Ask& ask_;
  const Script& script_;
  Plan plan_;
  AnswerBuilder builder_;
  uint32_t step_ = 0;
  uint32_t block_ = 0;
};

std::string_view stop_reason(const Plan& plan) {
  return plan.cut() ? "max_tokens" : plan.tools() ? "tool_use" : "end_turn";
}

void append_usage(AnswerBuilder& builder, uint64_t output_tokens) {
  builder.text(R"(,"usage":{"input_tokens":)").gap(Gap::kPromptTokens);
  builder.text(R"(,"cache_creation_input_tokens":0,"cache_read_input_tokens":0)");
  builder.text(R"(,"output_tokens":)").number(output_tokens);
}

void MessageStream::stop() {
  const uint32_t step = std::max(1U, step_);
  event("message_delta", step).text(R"(,"delta":{"stop_reason":)").quoted(stop_reason(plan_));
  builder_.text(R"(,"stop_sequence":null})");
  if (script_.usage) {
    append_usage(builder_, plan_.tokens());
    builder_.text("}");
  }
  end();
  if (script_.terminal) {
    event("message_stop", step);
    end();
  }
}

Answer whole_message(const Ask& ask, const Script& script) {
  const Plan plan(ask, script, 0);
  AnswerBuilder builder(false);
  builder.begin(std::max(1U, plan.events()));
  builder.text(R"({"model":)").quoted(ask.model).text(R"(,"id":")").gap(Gap::kId);
  builder.text(R"(","type":"message","role":"assistant","content":[)");
  std::string_view comma;
  if (plan.thinking_events() > 0) {
    builder.text(R"({"type":"thinking","thinking":)").quoted(plan.all_thinking());
    builder.text(R"(,"signature":")");
    append_token(builder.out(), seed_of(ask.model), kSignature);
    builder.text("\"}");
    comma = ",";
  }
  if (plan.text_events() > 0 || !plan.tools()) {
    builder.text(comma).text(R"({"type":"text","text":)").quoted(plan.all_text()).text("}");
    comma = ",";
  }
  for (size_t call = 0; plan.tools() && call < kToolArguments.size(); ++call) {
    builder.text(comma).text(R"({"type":"tool_use","id":"toolu_)");
    builder.gap(Gap::kToolId, static_cast<uint8_t>(call));
    builder.text(R"(","name":)").quoted(ask.tools[call]).text(R"(,"input":)");
    for (const std::string_view piece : kToolArguments[call]) builder.text(piece);
    builder.text("}");
    comma = ",";
  }
  builder.text(R"(],"stop_reason":)").quoted(stop_reason(plan));
  builder.text(R"(,"stop_sequence":null)");
  if (script.usage) {
    append_usage(builder, plan.tokens());
    builder.text(R"(,"service_tier":"standard"})");
  }
  builder.end_object(script, "");
  return builder.take(plan.tokens());
}

}  // namespace

Answer make_message(const Ask& ask, const Script& script) {
  if (!ask.stream) return whole_message(ask, script);
  return MessageStream(ask, script).make();
}

Answer make_token_count(const Ask&, const Script& script) {
  AnswerBuilder builder(false);
  builder.begin(1);
  builder.text(R"({"input_tokens":)").gap(Gap::kPromptTokens);
  builder.end_object(script, "");
  return builder.take(0);
}

}  // namespace sluice::mock::anthropic
