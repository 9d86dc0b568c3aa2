// The text of an answer, as slices of the event or body it came in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "dialect/dialect.hpp"
#include "json/reader.hpp"

namespace sluice::dialect {

/// One piece of output text. Pieces of the same lane are one text and are counted as such.
struct OutputText {
  enum class Kind : uint8_t { kContent, kReasoning, kRefusal, kToolName, kToolArguments };
  Kind kind = Kind::kContent;
  uint16_t choice = 0;
  uint16_t index = 0;  // tool call in its choice, or content block
  json::String text;   // never empty; arguments that came as an object are its JSON text

  uint64_t lane() const {
    return uint64_t{choice} << 32 | uint64_t{index} << 8 | static_cast<uint64_t>(kind);
  }
};

using OutputTexts = std::vector<OutputText>;

/// The texts of a whole answer, in their order: slices of `body`. Empty for a body that is not
/// one JSON object, and for embeddings. Not part of inspect_response(), since most upstreams
/// report usage and then nobody needs them.
OutputTexts output_texts(Endpoint endpoint, std::string_view body);

/// A choice's or block's index from outside; what does not fit is brought to the nearest that does.
inline uint16_t text_index(int64_t index) {
  return static_cast<uint16_t>(std::clamp<int64_t>(index, 0, UINT16_MAX));
}

/// Appends unless there is nothing to count.
inline void add_text(OutputTexts& texts, OutputText::Kind kind, json::String text,
                     int64_t index = 0) {
  if (text.empty()) return;
  texts.push_back({.kind = kind, .choice = 0, .index = text_index(index), .text = text});
}

}  // namespace sluice::dialect
