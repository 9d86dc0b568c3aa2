// Byte-pair encodings as published with the `tiktoken` ranks: how many tokens a text is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tokens/splitter.hpp"
#include "tokens/vocabulary.hpp"

namespace sluice::tokens {

enum class EncodingId : uint8_t { kO200kBase, kCl100kBase, kP50kBase, kR50kBase };
inline constexpr std::array kAllEncodings = {EncodingId::kO200kBase, EncodingId::kCl100kBase,
                                             EncodingId::kP50kBase, EncodingId::kR50kBase};

/// "o200k_base", "cl100k_base", "p50k_base", "r50k_base".
std::string_view to_string(EncodingId id);
std::optional<EncodingId> parse_encoding(std::string_view name);

/// Immutable, thread-safe, lives as long as the process. Its tables lie in the binary, so that
/// the first use costs no more than the page faults. All counts are those of tiktoken's ordinary
/// encoding (special tokens are text like any other). Bytes that are not UTF-8 count as the
/// U+FFFD that a decoder puts in their place.
class Encoding {
 public:
  static const Encoding& get(EncodingId id);

  /// Linear in the length of the text, whatever it is.
  size_t count(std::string_view text) const;
  /// Appends the tokens.
  void encode(std::string_view text, std::vector<uint32_t>& tokens) const;

  /// What it is made of, for those who count piece by piece.
  const Vocabulary& vocabulary() const { return vocabulary_; }
  Pattern pattern() const { return pattern_; }

 private:
  Encoding(const unsigned char* table, Pattern pattern) : vocabulary_(table), pattern_(pattern) {}

  Vocabulary vocabulary_;
  Pattern pattern_;
};

}  // namespace sluice::tokens
