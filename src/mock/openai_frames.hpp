// What the chunks and bodies of chat and of completions have in common.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include "mock/answer.hpp"
#include "mock/ask.hpp"

namespace sluice::mock::openai {

/// Writes the frames of one answer; knows what all of them have in common.
class Frames {
 public:
  Frames(const Ask& ask, const Script& script, std::string_view object)
      : ask_(ask), script_(script), object_(object), builder_(ask.stream) {}

  AnswerBuilder& builder() { return builder_; }

  /// Everything up to the first choice.
  void open(uint32_t step, bool content = false) {
    builder_.begin(step, content);
    if (ask_.stream) builder_.text("data: ");
    builder_.text(R"({"id":")").gap(Gap::kId).text(R"(","object":")").text(object_);
    builder_.text(R"(","created":)").gap(Gap::kCreated).text(R"(,"model":)").quoted(ask_.model);
    if (object_ != "text_completion") builder_.text(R"(,"service_tier":"default")");
    builder_.text(R"(,"system_fingerprint":"fp_)");
    fmt::format_to(std::back_inserter(builder_.out()), "{:010x}", seed_of(ask_.model) >> 24);
    builder_.text(R"(","choices":[)");
  }

  /// From behind the last choice to the frame's end.
  void close() {
    builder_.text("]");
    if (ask_.stream && script_.oddity == kUsageEverywhere && script_.usage) {
      append_usage(builder_.told_tokens(), 0, true);
    } else if (ask_.stream && ask_.include_usage) {
      builder_.text(R"(,"usage":null)");
    }
    end();
  }
  void close_with_usage(uint64_t completion_tokens, uint64_t reasoning_tokens, bool details) {
    builder_.text("]");
    if (script_.usage) append_usage(completion_tokens, reasoning_tokens, details);
    end();
  }

  void done() {
    if (!script_.terminal) return;
    builder_.begin(last_step_);
    builder_.text("data: [DONE]\n\n");
    builder_.end();
  }

  void set_last_step(uint32_t step) { last_step_ = step; }
  uint32_t last_step() const { return last_step_; }

 private:
  void append_usage(uint64_t completion_tokens, uint64_t reasoning_tokens, bool details) {
    builder_.text(R"(,"usage":{"prompt_tokens":)").prompt_tokens();
    builder_.text(R"(,"completion_tokens":)").number(completion_tokens);
    builder_.text(R"(,"total_tokens":)").prompt_tokens(completion_tokens);
    if (details) {
      builder_.text(R"(,"prompt_tokens_details":{"cached_tokens":)").gap(Gap::kCachedTokens);
      builder_.text(R"(,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":)");
      builder_.number(reasoning_tokens);
      builder_.text(R"(,"audio_tokens":0,"accepted_prediction_tokens":0)");
      builder_.text(R"(,"rejected_prediction_tokens":0})");
    }
    builder_.text("}");
  }
  void end() { builder_.end_object(script_, ask_.stream ? "\n\n" : ""); }

  const Ask& ask_;
  const Script& script_;
  std::string_view object_;
  AnswerBuilder builder_;
  uint32_t last_step_ = 1;
};

inline std::vector<Plan> plans_for(const Ask& ask, const Script& script) {
  std::vector<Plan> plans;
  plans.reserve(ask.choices);
  for (uint32_t choice = 0; choice < ask.choices; ++choice) plans.emplace_back(ask, script, choice);
  return plans;
}

inline uint64_t tokens_of(const std::vector<Plan>& plans) {
  uint64_t tokens = 0;
  for (const Plan& plan : plans) tokens += plan.tokens();
  return tokens;
}

inline uint64_t thinking_of(const std::vector<Plan>& plans) {
  uint64_t tokens = 0;
  for (const Plan& plan : plans) tokens += plan.thinking_words();
  return tokens;
}

}  // namespace sluice::mock::openai
