#include <algorithm>

#include "mock/gemini.hpp"
#include "mock/seals.hpp"

namespace sluice::mock::gemini {

namespace {

/// Writes one answer: a chunk for each event, or everything in one.
class Content {
 public:
  Content(const Ask& ask, const Script& script)
      : ask_(ask), script_(script), plan_(ask, script, 0), builder_(ask.stream) {
    append_token(signature_subject_, seed_of(ask.model), 24);
  }

  Answer stream();
  Answer whole();
  /// The prompt is refused: there is no candidate.
  Answer blocked();

 private:
  uint32_t calls() const { return plan_.calls(); }

  /// Everything before and behind the parts of a chunk. The last chunk has the finish reason.
  void open(uint32_t step, bool content) {
    builder_.begin(step, content);
    builder_.text(ask_.stream ? "data: " : "").text(R"({"candidates": [{"content": {)");
  }
  void close(bool last);
  void close_chunk();
  void break_off();
  void append_usage();

  void thought(std::string_view text) {
    builder_.text(R"({"text": )").quoted(text).text(R"(,"thought": true})");
  }
  void append_signature() {
    builder_.text(R"("thoughtSignature": ")");
    append_seal(builder_.out(), signature_subject_);
    builder_.text("\"");
  }
  void call(uint32_t call);
  /// Signs a thoughtful answer that has no call to put the signature on.
  void signed_end() {
    builder_.text(R"({"text": "",)");
    append_signature();
    builder_.text("}");
  }
  bool ends_signed() const { return plan_.thinking_words() > 0 && !plan_.tools() && !plan_.cut(); }

  const Ask& ask_;
  const Script& script_;
  Plan plan_;
  AnswerBuilder builder_;
  std::string signature_subject_;
  // So far.
  uint64_t thoughts_ = 0;
  uint64_t candidates_ = 0;
};

void Content::append_usage() {
  builder_.text(R"(,"usageMetadata": {"promptTokenCount": )").prompt_tokens();
  // A number that is 0 is left out.
  if (script_.cached) {
    builder_.text(R"(,"cachedContentTokenCount": )").gap(Gap::kCachedTokens);
  }
  if (candidates_ > 0) builder_.text(R"(,"candidatesTokenCount": )").number(candidates_);
  builder_.text(R"(,"totalTokenCount": )").prompt_tokens(candidates_ + thoughts_);
  builder_.text(R"(,"promptTokensDetails": [{"modality": "TEXT","tokenCount": )").prompt_tokens();
  builder_.text("}]");
  if (thoughts_ > 0) builder_.text(R"(,"thoughtsTokenCount": )").number(thoughts_);
  builder_.text("}");
}

void Content::close(bool last) {
  builder_.text(R"("role": "model"})");
  if (last && script_.finish) {
    const std::string_view stopped = script_.filtered ? "SAFETY" : "STOP";
    builder_.text(R"(,"finishReason": )").quoted(plan_.cut() ? "MAX_TOKENS" : stopped);
  }
  builder_.text(R"(,"index": 0}])");
  close_chunk();
}

void Content::close_chunk() {
  if (script_.usage) append_usage();
  builder_.text(R"(,"modelVersion": )").quoted(ask_.model);
  builder_.text(R"(,"responseId": ")").gap(Gap::kId).text("\"");
  builder_.end_object(script_, ask_.stream ? "\r\n\r\n" : "");
}

void Content::call(uint32_t call) {
  builder_.text(R"({"functionCall": {"name": )").quoted(ask_.tools[call]).text(R"(,"args": )");
  const std::string arguments = plan_.all_arguments(call);
  builder_.text(arguments.empty() ? "{}" : arguments);
  if (script_.strict_history) {
    builder_.text(R"(,"id": ")").gap(Gap::kToolId, static_cast<uint8_t>(call)).text("\"");
  }
  builder_.text("}");
  if (call == 0) {
    builder_.text(",");
    append_signature();
  }
  builder_.text("}");
}

Answer Content::stream() {
  uint32_t step = 0;
  for (uint32_t i = 0; i < plan_.thinking_events(); ++i) {
    open(++step, true);
    builder_.text(R"("parts": [)");
    thought(plan_.thinking_event(i));
    builder_.text("],").tokens(plan_.thinking_tokens(i));
    thoughts_ += plan_.thinking_tokens(i);
    close(false);
  }
  const uint64_t hidden = plan_.thinking_words() - thoughts_;
  thoughts_ += hidden;
  const bool finish_apart = ends_signed() || plan_.text_events() + calls() == 0;
  for (uint32_t i = 0; i < plan_.text_events(); ++i) {
    open(++step, true);
    builder_.text(R"("parts": [{"text": )");
    append_text(builder_, ask_, plan_, i);
    builder_.text("}],").tokens(i == 0 ? hidden : 0);
    candidates_ += plan_.text_tokens(i);
    close(!finish_apart && calls() == 0 && i + 1 == plan_.text_events());
  }
  for (uint32_t i = 0; i < calls(); ++i) {
    open(++step, true);
    builder_.text(R"("parts": [)");
    call(i);
    const uint64_t tokens = plan_.call_tokens(i);
    builder_.text("],").tokens(tokens + (step == 1 ? hidden : 0));
    candidates_ += tokens;
    close(i + 1 == calls());
  }
  if (finish_apart) {
    open(std::max(1U, step), false);
    if (ends_signed()) {
      builder_.text(R"("parts": [)");
      signed_end();
      builder_.text("],");
    }
    builder_.tokens(plan_.text_events() == 0 ? hidden : 0);
    close(true);
  }
  if (script_.error_after) break_off();
  return builder_.take(plan_.tokens());
}

void Content::break_off() {
  const auto at = builder_.break_off(*script_.error_after);
  if (!at) return;
  builder_.begin(*at);
  builder_.text("data: ").text(error_body(refusal_of(503, ask_.model))).text("\r\n\r\n").end();
}

Answer Content::whole() {
  open(std::max(1U, plan_.thinking_events() + plan_.text_events() + calls()), false);
  thoughts_ = plan_.thinking_words();
  candidates_ = plan_.tokens() - thoughts_;
  std::string_view separator = R"("parts": [)";
  const auto separate = [&] {
    builder_.text(separator);
    separator = ",";
  };
  if (plan_.thinking_events() > 0) {
    separate();
    thought(plan_.all_thinking());
  }
  if (plan_.text_events() > 0) {
    separate();
    builder_.text(R"({"text": )").quoted(plan_.all_text());
    if (ends_signed()) {
      builder_.text(",");
      append_signature();
    }
    builder_.text("}");
  }
  for (uint32_t i = 0; i < calls(); ++i) {
    separate();
    call(i);
  }
  if (separator == ",") builder_.text("],");
  close(true);
  return builder_.take(plan_.tokens());
}

Answer Content::blocked() {
  builder_.begin(1);
  builder_.text(ask_.stream ? "data: " : "").text(R"({"promptFeedback": {"blockReason": )");
  builder_.text(R"("PROHIBITED_CONTENT"})");
  close_chunk();
  return builder_.take(0);
}

}  // namespace

Answer make_content(const Ask& ask, const Script& script) {
  Content content(ask, script);
  if (script.refuses) return content.blocked();
  return ask.stream ? content.stream() : content.whole();
}

Answer make_token_count(const Ask&, const Script& script) {
  AnswerBuilder builder(false);
  builder.begin(1);
  builder.text(R"({"totalTokens": )").prompt_tokens();
  builder.text(R"(,"promptTokensDetails": [{"modality": "TEXT","tokenCount": )").prompt_tokens();
  builder.text("}]").end_object(script, "");
  return builder.take(0);
}

}  // namespace sluice::mock::gemini
