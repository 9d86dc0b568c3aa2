#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>

#include "mock/openai.hpp"
#include "mock/openai_frames.hpp"

namespace sluice::mock::openai {

namespace {

std::string_view finish_reason(const Plan& plan) { return plan.cut() ? "length" : "stop"; }

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
