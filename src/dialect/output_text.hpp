// The text of an answer, as slices of the event or body it came in.
#pragma once

#include <cstdint>

#include "json/reader.hpp"

namespace sluice::dialect {

/// One piece of output text. Pieces of the same lane are one text and are counted as such.
struct OutputText {
  enum class Kind : uint8_t { kContent, kReasoning, kRefusal, kToolName, kToolArguments };
  Kind kind = Kind::kContent;
  uint16_t choice = 0;
  uint16_t index = 0;  // tool call in its choice, or content block
  json::String text;

  uint64_t lane() const {
    return uint64_t{choice} << 32 | uint64_t{index} << 8 | static_cast<uint64_t>(kind);
  }
};

}  // namespace sluice::dialect
