// What is known of a model before its upstream has said anything.
#pragma once

#include <cstdint>
#include <string_view>

#include "tokens/encoding.hpp"

namespace sluice::tokens {

/// By whose rules messages, tools and images are counted.
enum class Family : uint8_t { kOpenAi, kAnthropic, kGemini, kOther };

/// What an image costs a model, as OpenAI and Anthropic document it.
struct ImageRule {
  enum class Kind : uint8_t {
    kTiles,    // `base`, and `tile` for every 512 px tile after scaling down; low detail: `base`
    kPatches,  // patches of 32 px, at most 1,536, times `percent` / 100
    kArea,     // width * height / 750, after scaling down
  };
  Kind kind = Kind::kTiles;
  int32_t base = 85;
  int32_t tile = 170;
  int32_t percent = 100;
};

struct ModelFacts {
  Family family = Family::kOther;
  EncodingId encoding = EncodingId::kO200kBase;
  /// The encoding is the model's own; else counts are estimates, corrected by `factor`.
  bool exact = false;
  double factor = 1.0;            // start value; Calibration learns a better one
  int64_t context = 0;            // tokens; 0: unknown
  int64_t max_output = 0;         // tokens; 0: unknown
  bool hidden_reasoning = false;  // output is charged that is not streamed as text
  ImageRule images = {};
};

/// By the longest name in the built-in table that `model` begins with; dated and prefixed forms
/// ("gpt-4o-2024-08-06", "openai/gpt-4o") are found too. Never fails: a model that nobody knows is
/// of Family::kOther.
ModelFacts facts_of(std::string_view model);

}  // namespace sluice::tokens
