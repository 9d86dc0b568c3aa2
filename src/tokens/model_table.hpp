// What is known of a model before its upstream has said anything.
#pragma once

#include <cstdint>
#include <string_view>

#include "tokens/encoding.hpp"

namespace sluice::tokens {

/// By whose rules messages, tools and images are counted.
enum class Family : uint8_t { kOpenAi, kAnthropic, kGemini, kOther };

struct ModelFacts {
  Family family = Family::kOther;
  EncodingId encoding = EncodingId::kO200kBase;
  /// The encoding is the model's own; else counts are estimates, corrected by `factor`.
  bool exact = false;
  double factor = 1.0;            // start value; Calibration learns a better one
  int64_t context = 0;            // tokens; 0: unknown
  int64_t max_output = 0;         // tokens; 0: unknown
  bool hidden_reasoning = false;  // output is charged that is not streamed as text
};

/// By the longest name in the built-in table that `model` begins with; dated and prefixed forms
/// ("gpt-4o-2024-08-06", "openai/gpt-4o") are found too. Never fails: a model that nobody knows is
/// of Family::kOther.
ModelFacts facts_of(std::string_view model);

}  // namespace sluice::tokens
