#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>

#include "mock/openai.hpp"

namespace sluice::mock::openai {

namespace {

constexpr std::string_view kEventEnd = "\n\n";

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
    if (ask_.stream && ask_.include_usage) builder_.text(R"(,"usage":null)");
    end();
  }
  void close_with_usage(uint64_t completion_tokens, uint64_t reasoning_tokens, bool details) {
    builder_.text("]");
    if (script_.usage) {
      builder_.text(R"(,"usage":{"prompt_tokens":)").gap(Gap::kPromptTokens);
      builder_.text(R"(,"completion_tokens":)").number(completion_tokens);
      builder_.text(R"(,"total_tokens":)").gap(Gap::kTotalTokens);
      if (details) {
        builder_.text(R"(,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0})");
        builder_.text(R"(,"completion_tokens_details":{"reasoning_tokens":)");
        builder_.number(reasoning_tokens);
        builder_.text(R"(,"audio_tokens":0,"accepted_prediction_tokens":0)");
        builder_.text(R"(,"rejected_prediction_tokens":0})");
      }
      builder_.text("}");
    }
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
  void end() { builder_.end_object(script_, ask_.stream ? kEventEnd : ""); }

  const Ask& ask_;
  const Script& script_;
  std::string_view object_;
  AnswerBuilder builder_;
  uint32_t last_step_ = 1;
};

std::vector<Plan> plans_for(const Ask& ask, const Script& script) {
  std::vector<Plan> plans;
  plans.reserve(ask.choices);
  for (uint32_t choice = 0; choice < ask.choices; ++choice) plans.emplace_back(ask, script, choice);
  return plans;
}

std::string_view finish_reason(const Plan& plan) {
  return plan.cut() ? "length" : plan.tools() ? "tool_calls" : "stop";
}

uint64_t tokens_of(const std::vector<Plan>& plans) {
  uint64_t tokens = 0;
  for (const Plan& plan : plans) tokens += plan.tokens();
  return tokens;
}

uint64_t thinking_of(const std::vector<Plan>& plans) {
  uint64_t tokens = 0;
  for (const Plan& plan : plans) tokens += plan.thinking_words();
  return tokens;
}

void append_call_head(AnswerBuilder& builder, const Ask& ask, uint32_t choice, uint32_t call) {
  builder.text(R"("id":"call_)").gap(Gap::kToolId, static_cast<uint8_t>(choice * 2 + call));
  builder.text(R"(","type":"function","function":{"name":)").quoted(ask.tools[call]);
  builder.text(R"(,"arguments":)");
}

/// One streamed chunk with one choice; `delta` appends the members of its delta.
template <typename Delta>
void chunk(Frames& frames, uint32_t step, bool content, uint32_t choice, std::string_view finish,
           Delta delta) {
  frames.open(step, content);
  AnswerBuilder& builder = frames.builder();
  builder.text(R"({"index":)").number(choice).text(R"(,"delta":{)");
  delta(builder);
  builder.text(R"(},"logprobs":null,"finish_reason":)");
  if (finish.empty()) {
    builder.text("null}");
  } else {
    builder.quoted(finish).text("}");
  }
  frames.close();
}

void content_chunk(Frames& frames, const Ask& ask, const Plan& plan, uint32_t choice,
                   uint32_t event) {
  const uint32_t step = event + 1;
  if (event < plan.thinking_events()) {
    chunk(frames, step, true, choice, "", [&](AnswerBuilder& to) {
      to.text(R"("reasoning_content":)").quoted(plan.thinking_event(event));
      to.tokens(plan.thinking_tokens(event));
    });
    return;
  }
  event -= plan.thinking_events();
  if (event < plan.text_events()) {
    chunk(frames, step, true, choice, "", [&](AnswerBuilder& to) {
      to.text(R"("content":)");
      append_text(to, ask, plan, event);
    });
    return;
  }
  event -= plan.text_events();
  const auto call = static_cast<uint32_t>(event / kToolArguments[0].size());
  const size_t piece = event % kToolArguments[0].size();
  if (piece == 0) {
    chunk(frames, step, false, choice, "", [&](AnswerBuilder& to) {
      to.text(R"("tool_calls":[{"index":)").number(call).text(",");
      append_call_head(to, ask, choice, call);
      to.text(R"(""}}])").tokens(count_tokens(ask.tools[call]));
    });
  }
  chunk(frames, step, true, choice, "", [&](AnswerBuilder& to) {
    to.text(R"("tool_calls":[{"index":)").number(call).text(R"(,"function":{"arguments":)");
    to.quoted(kToolArguments[call][piece]).text("}}]").tokens(argument_tokens(call, piece));
  });
}

Answer stream_chat(const Ask& ask, const Script& script) {
  Frames frames(ask, script, "chat.completion.chunk");
  const std::vector<Plan> plans = plans_for(ask, script);
  for (uint32_t choice = 0; choice < ask.choices; ++choice) {
    chunk(frames, 0, false, choice, "", [&](AnswerBuilder& to) {
      const bool text = plans[choice].text_events() > 0 || !plans[choice].tools();
      to.text(R"("role":"assistant","content":)").text(text ? R"("")" : "null");
      to.text(R"(,"refusal":null)");
    });
  }
  const uint32_t events = plans[0].events();
  for (uint32_t event = 0; event < events; ++event) {
    for (uint32_t choice = 0; choice < ask.choices; ++choice) {
      content_chunk(frames, ask, plans[choice], choice, event);
    }
  }
  frames.set_last_step(std::max(1U, events));
  for (uint32_t choice = 0; choice < ask.choices; ++choice) {
    chunk(frames, frames.last_step(), false, choice, finish_reason(plans[choice]),
          [](AnswerBuilder&) {});
  }
  if (ask.include_usage && script.usage) {
    frames.open(frames.last_step());
    frames.close_with_usage(tokens_of(plans), thinking_of(plans), true);
  }
  frames.done();
  return frames.builder().take(tokens_of(plans));
}

Answer whole_chat(const Ask& ask, const Script& script) {
  Frames frames(ask, script, "chat.completion");
  const std::vector<Plan> plans = plans_for(ask, script);
  frames.open(std::max(1U, plans[0].events()));
  AnswerBuilder& builder = frames.builder();
  for (uint32_t choice = 0; choice < ask.choices; ++choice) {
    const Plan& plan = plans[choice];
    if (choice > 0) builder.text(",");
    builder.text(R"({"index":)").number(choice);
    builder.text(R"(,"message":{"role":"assistant","content":)");
    if (plan.text_events() > 0 || !plan.tools()) {
      builder.quoted(plan.all_text());
    } else {
      builder.text("null");
    }
    if (plan.thinking_events() > 0) {
      builder.text(R"(,"reasoning_content":)").quoted(plan.all_thinking());
    }
    if (plan.tools()) {
      builder.text(R"(,"tool_calls":[)");
      for (uint32_t call = 0; call < kToolArguments.size(); ++call) {
        std::string arguments;
        for (const std::string_view piece : kToolArguments[call]) arguments.append(piece);
        builder.text(call > 0 ? ",{" : "{");
        append_call_head(builder, ask, choice, call);
        builder.quoted(arguments).text("}}");
      }
      builder.text("]");
    }
    builder.text(R"(,"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":)");
    builder.quoted(finish_reason(plan)).text("}");
  }
  frames.close_with_usage(tokens_of(plans), thinking_of(plans), true);
  return builder.take(tokens_of(plans));
}

void text_choice(AnswerBuilder& builder, uint32_t choice, std::string_view text,
                 std::string_view finish) {
  builder.text(R"({"text":)").quoted(text).text(R"(,"index":)").number(choice);
  builder.text(R"(,"logprobs":null,"finish_reason":)");
  if (finish.empty()) {
    builder.text("null}");
  } else {
    builder.quoted(finish).text("}");
  }
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void append_base64(std::string& out, std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t left = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= left ? kBase64[group >> (18 - 6 * k) & 63] : '=';
    }
  }
}

/// A vector of length 1 that follows from `seed`.
std::vector<float> embedding(uint64_t seed, uint32_t dimensions) {
  std::vector<float> vector(dimensions);
  double squares = 0;
  for (uint32_t i = 0; i < dimensions; ++i) {
    const double value = static_cast<double>(mix(seed + i) >> 11) / 4503599627370496.0 - 1.0;
    vector[i] = static_cast<float>(value);
    squares += value * value;
  }
  const double scale = squares > 0 ? 1.0 / std::sqrt(squares) : 0;
  for (float& value : vector) value = static_cast<float>(value * scale);
  return vector;
}

}  // namespace

Answer make_chat(const Ask& ask, const Script& script) {
  return ask.stream ? stream_chat(ask, script) : whole_chat(ask, script);
}

Answer make_completion(const Ask& ask, const Script& original) {
  // What only chat knows is not in a completion.
  Script script = original;
  script.tools = false;
  script.thinking = false;
  Frames frames(ask, script, "text_completion");
  AnswerBuilder& builder = frames.builder();
  const std::vector<Plan> plans = plans_for(ask, script);
  const uint32_t events = plans[0].events();
  frames.set_last_step(std::max(1U, events));
  if (!ask.stream) {
    frames.open(frames.last_step());
    for (uint32_t choice = 0; choice < ask.choices; ++choice) {
      if (choice > 0) builder.text(",");
      text_choice(builder, choice, plans[choice].all_text(), finish_reason(plans[choice]));
    }
    frames.close_with_usage(tokens_of(plans), 0, false);
    return builder.take(tokens_of(plans));
  }
  for (uint32_t event = 0; event < events; ++event) {
    for (uint32_t choice = 0; choice < ask.choices; ++choice) {
      frames.open(event + 1, true);
      text_choice(builder, choice, plans[choice].text_event(event), "");
      builder.tokens(plans[choice].text_tokens(event));
      frames.close();
    }
  }
  for (uint32_t choice = 0; choice < ask.choices; ++choice) {
    frames.open(frames.last_step());
    text_choice(builder, choice, "", finish_reason(plans[choice]));
    frames.close();
  }
  if (ask.include_usage && script.usage) {
    frames.open(frames.last_step());
    frames.close_with_usage(tokens_of(plans), 0, false);
  }
  frames.done();
  return builder.take(tokens_of(plans));
}

Answer make_embeddings(const Ask& ask, const Script& script) {
  AnswerBuilder builder(false);
  builder.begin(1);
  builder.text(R"({"object":"list","data":[)");
  for (size_t i = 0; i < ask.inputs.size(); ++i) {
    builder.text(i > 0 ? "," : "").text(R"({"object":"embedding","index":)").number(i);
    builder.text(R"(,"embedding":)");
    const std::vector<float> vector = embedding(ask.inputs[i], ask.dimensions);
    if (ask.base64) {
      // Little-endian floats, as the API sends them.
      std::string bytes(vector.size() * sizeof(float), '\0');
      std::memcpy(bytes.data(), vector.data(), bytes.size());
      builder.text("\"");
      append_base64(builder.out(), bytes);
      builder.text("\"");
    } else {
      char separator = '[';
      for (const float value : vector) {
        builder.out() += separator;
        char digits[32];
        const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
        builder.out().append(digits, end);
        separator = ',';
      }
      builder.text("]");
    }
    builder.text("}");
  }
  builder.text(R"(],"model":)").quoted(ask.model);
  if (script.usage) {
    builder.text(R"(,"usage":{"prompt_tokens":)").gap(Gap::kPromptTokens);
    builder.text(R"(,"total_tokens":)").gap(Gap::kTotalTokens).text("}");
  }
  builder.end_object(script, "");
  return builder.take(0);
}

}  // namespace sluice::mock::openai
