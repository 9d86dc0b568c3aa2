// Adds up a prompt: what is found in it once, by one of two measures of text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "json/reader.hpp"
#include "tokens/model_table.hpp"

namespace sluice::dialect {

/// A prompt is read by the same code for its count and for its bound, so that the bound can be
/// below the count only where it is for one text.
class Tally {
 public:
  enum class Measure : uint8_t { kTokens, kBound };

  Tally(Measure measure, const tokens::ModelFacts& model);

  const tokens::ModelFacts& model() const { return model_; }
  int64_t total() const { return total_; }
  void add(int64_t tokens) { total_ += tokens; }

  /// Of one text alone, without adding it.
  int64_t measure(const json::String& text);
  /// Plain text: at its bound a byte a token, since no token is less than one.
  int64_t measure(std::string_view text) const;
  /// A JSON value as the text it is without the white space between its parts.
  int64_t measure_json(std::string_view raw);

  void text(const json::String& text) { add(measure(text)); }
  void text(std::string_view text) { add(measure(text)); }
  void json(std::string_view raw) { add(measure_json(raw)); }

 private:
  const tokens::ModelFacts& model_;
  const tokens::Encoding* encoding_;  // nullptr: bound
  int64_t total_ = 0;
  std::string scratch_;
};

/// What Claude is told before the tools of a request, in tokens (Anthropic's "Tool use", pricing).
constexpr int64_t claude_tools_frame(bool forced) { return forced ? 313 : 346; }

/// The string that comes next; of another kind, an empty one. Consumes one value.
json::String take_string(json::Reader& reader);

/// Of a base64 string that holds a file.
int64_t decoded_size(const json::String& base64);

/// A document whose text is not at hand: a token for every 20 bytes, as pages of a PDF come to;
/// one page at least, and 100 pages of 3,000 tokens at most. `bytes` 0: unknown, one full page.
int64_t document_tokens(int64_t bytes);

}  // namespace sluice::dialect
