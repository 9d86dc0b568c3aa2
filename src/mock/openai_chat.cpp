#include <algorithm>

#include "mock/openai.hpp"
#include "mock/openai_frames.hpp"

namespace sluice::mock::openai {

namespace {

/// Writes one chat completion: its chunks, or its body.
class Chat {
 public:
  Chat(const Ask& ask, const Script& script)
      : ask_(ask),
        script_(script),
        frames_(ask, script, ask.stream ? "chat.completion.chunk" : "chat.completion"),
        plans_(plans_for(ask, script)) {}

  Answer stream();
  Answer whole();

 private:
  AnswerBuilder& out() { return frames_.builder(); }
  bool calls_at_end() const { return script_.oddity == kCallsWithFinish; }
  bool shows_text(const Plan& plan) const {
    return !script_.refuses && (plan.text_events() > 0 || !plan.tools());
  }
  std::string_view reasoning_name() const {
    return script_.other_reasoning ? R"("reasoning":)" : R"("reasoning_content":)";
  }

  void append_finish(const Plan& plan);
  void append_call(uint32_t choice, uint32_t call, std::string_view arguments);
  void append_calls(uint32_t choice);
  /// One chunk with one choice; `delta` appends the members of its delta.
  template <typename Delta>
  void chunk(uint32_t step, bool content, uint32_t choice, bool last, Delta delta);
  void content_chunk(uint32_t choice, uint32_t event);
  void call_head(uint32_t step, uint32_t choice, uint32_t call);
  void call_piece(uint32_t step, uint32_t choice, uint32_t call, uint32_t piece);
  void last_chunk(uint32_t choice);
  /// With an error, where the script wants one.
  void break_off();

  const Ask& ask_;
  const Script& script_;
  Frames frames_;
  std::vector<Plan> plans_;
};

void Chat::append_finish(const Plan& plan) {
  out().text(R"(,"logprobs":null,"finish_reason":)");
  if (!script_.finish) {
    out().text("null");
  } else if (plan.cut()) {
    out().text(R"("length")");
  } else if (script_.filtered) {
    out().text(R"("content_filter")");
  } else {
    const bool told = plan.tools() && script_.oddity != kStopAfterCalls;
    out().text(told ? R"("tool_calls")" : R"("stop")");
  }
}

void Chat::append_call(uint32_t choice, uint32_t call, std::string_view arguments) {
  const bool bare = ask_.stream && script_.oddity == kNoIndex;
  out().text("{");
  if (ask_.stream && !bare) {
    out().text(R"("index":)").number(script_.oddity == kSameIndex ? 0 : call).text(",");
  }
  if (!bare) {
    out().text(R"("id":"call_)").gap(Gap::kToolId, static_cast<uint8_t>(choice * 2 + call));
    out().text(R"(",)");
  }
  out().text(R"("type":"function","function":{"name":)").quoted(ask_.tools[call]);
  out().text(R"(,"arguments":)").quoted(arguments).text("}}");
}

/// All of them, whole.
void Chat::append_calls(uint32_t choice) {
  const Plan& plan = plans_[choice];
  out().text(R"("tool_calls":[)");
  for (uint32_t call = 0; call < plan.calls(); ++call) {
    if (call > 0) out().text(",");
    append_call(choice, call, plan.all_arguments(call));
  }
  out().text("]");
}

template <typename Delta>
void Chat::chunk(uint32_t step, bool content, uint32_t choice, bool last, Delta delta) {
  frames_.open(step, content);
  out().text(R"({"index":)").number(choice).text(R"(,"delta":{)");
  delta();
  out().text("}");
  if (last) {
    append_finish(plans_[choice]);
  } else {
    out().text(R"(,"logprobs":null,"finish_reason":null)");
  }
  out().text("}");
  frames_.close();
}

void Chat::call_head(uint32_t step, uint32_t choice, uint32_t call) {
  chunk(step, false, choice, false, [&] {
    out().text(R"("tool_calls":[)");
    append_call(choice, call, "");
    out().text("]").tokens(count_tokens(ask_.tools[call]));
  });
}

void Chat::call_piece(uint32_t step, uint32_t choice, uint32_t call, uint32_t piece) {
  chunk(step, true, choice, false, [&] {
    out().text(R"("tool_calls":[{)");
    if (script_.oddity != kNoIndex) {
      out().text(R"("index":)").number(script_.oddity == kSameIndex ? 0 : call).text(",");
    }
    out().text(R"("function":{"arguments":)").quoted(kToolArguments[call][piece]);
    out().text("}}]").tokens(argument_tokens(call, piece));
  });
}

void Chat::content_chunk(uint32_t choice, uint32_t event) {
  const Plan& plan = plans_[choice];
  const uint32_t step = event + 1;
  if (event < plan.thinking_events()) {
    return chunk(step, true, choice, false, [&] {
      out().text(reasoning_name()).quoted(plan.thinking_event(event));
      out().tokens(plan.thinking_tokens(event));
    });
  }
  event -= plan.thinking_events();
  if (event < plan.text_events()) {
    return chunk(step, true, choice, false, [&] {
      out().text(script_.refuses ? R"("refusal":)" : R"("content":)");
      append_text(out(), ask_, plan, event);
    });
  }
  if (calls_at_end()) return;
  event -= plan.text_events();
  const uint32_t across = script_.interleaved ? plan.calls() : 1;
  const uint32_t call = script_.interleaved ? event % across : event / plan.pieces();
  const uint32_t piece = script_.interleaved ? event / across : event % plan.pieces();
  if (piece == 0) call_head(step, choice, call);
  call_piece(step, choice, call, piece);
}

void Chat::last_chunk(uint32_t choice) {
  const Plan& plan = plans_[choice];
  if (!script_.finish && !calls_at_end()) return;
  chunk(frames_.last_step(), false, choice, true, [&] {
    if (!calls_at_end() || !plan.tools()) return;
    append_calls(choice);
    for (uint32_t call = 0; call < plan.calls(); ++call) out().tokens(plan.call_tokens(call));
  });
}

Answer Chat::stream() {
  for (uint32_t choice = 0; choice < ask_.choices; ++choice) {
    chunk(0, false, choice, false, [&] {
      out().text(R"("role":"assistant","content":)");
      out().text(shows_text(plans_[choice]) ? R"("")" : "null");
      out().text(R"(,"refusal":null)");
    });
  }
  const uint32_t events = plans_[0].events();
  for (uint32_t event = 0; event < events; ++event) {
    for (uint32_t choice = 0; choice < ask_.choices; ++choice) content_chunk(choice, event);
  }
  frames_.set_last_step(std::max(1U, events));
  for (uint32_t choice = 0; choice < ask_.choices; ++choice) {
    const Plan& plan = plans_[choice];
    for (uint32_t call = 0; plan.pieces() == 0 && call < plan.calls(); ++call) {
      call_head(frames_.last_step(), choice, call);
    }
    last_chunk(choice);
  }
  if (ask_.include_usage && script_.usage) {
    frames_.open(frames_.last_step());
    frames_.close_with_usage(tokens_of(plans_), thinking_of(plans_), true);
  }
  frames_.done();
  break_off();
  return out().take(tokens_of(plans_));
}

void Chat::break_off() {
  if (!script_.error_after) return;
  const auto step = out().break_off(*script_.error_after);
  if (!step) return;
  out().begin(*step);
  out().text("data: ").text(error_body(refusal_of(500, ask_.model))).text("\n\n").end();
}

Answer Chat::whole() {
  frames_.open(std::max(1U, plans_[0].events()));
  for (uint32_t choice = 0; choice < ask_.choices; ++choice) {
    const Plan& plan = plans_[choice];
    out().text(choice > 0 ? "," : "").text(R"({"index":)").number(choice);
    out().text(R"(,"message":{"role":"assistant","content":)");
    if (shows_text(plan)) {
      out().quoted(plan.all_text());
    } else {
      out().text("null");
    }
    if (plan.thinking_events() > 0) {
      out().text(",").text(reasoning_name()).quoted(plan.all_thinking());
    }
    if (plan.tools()) {
      out().text(",");
      append_calls(choice);
    }
    out().text(R"(,"refusal":)");
    if (script_.refuses) {
      out().quoted(plan.all_text());
    } else {
      out().text("null");
    }
    out().text(R"(,"annotations":[]})");
    append_finish(plan);
    out().text("}");
  }
  frames_.close_with_usage(tokens_of(plans_), thinking_of(plans_), true);
  return out().take(tokens_of(plans_));
}

}  // namespace

Answer make_chat(const Ask& ask, const Script& script) {
  Chat chat(ask, script);
  return ask.stream ? chat.stream() : chat.whole();
}

}  // namespace sluice::mock::openai
