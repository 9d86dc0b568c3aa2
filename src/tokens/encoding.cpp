#include "tokens/encoding.hpp"

#include <array>
#include <string>

#include "tokens/bpe.hpp"
#include "tokens/stream_counter.hpp"
#include "tokens/utf8.hpp"

// In tables/embed.S.
extern "C" {
extern const unsigned char sluice_tokens_o200k_base[];
extern const unsigned char sluice_tokens_cl100k_base[];
extern const unsigned char sluice_tokens_p50k_base[];
extern const unsigned char sluice_tokens_r50k_base[];
}

namespace sluice::tokens {

namespace {

constexpr std::array<std::string_view, kAllEncodings.size()> kNames = {"o200k_base", "cl100k_base",
                                                                       "p50k_base", "r50k_base"};

}  // namespace

std::string_view to_string(EncodingId id) { return kNames[static_cast<size_t>(id)]; }

std::optional<EncodingId> parse_encoding(std::string_view name) {
  for (const EncodingId id : kAllEncodings) {
    if (to_string(id) == name) return id;
  }
  return std::nullopt;
}

const Encoding& Encoding::get(EncodingId id) {
  static const std::array<Encoding, kAllEncodings.size()> encodings = {
      Encoding(sluice_tokens_o200k_base, Pattern::kO200k),
      Encoding(sluice_tokens_cl100k_base, Pattern::kCl100k),
      Encoding(sluice_tokens_p50k_base, Pattern::kGpt2),
      Encoding(sluice_tokens_r50k_base, Pattern::kGpt2),
  };
  return encodings[static_cast<size_t>(id)];
}

size_t Encoding::count(std::string_view text) const {
  if (valid_prefix(text) != text.size()) {
    StreamCounter counter(*this);
    return static_cast<size_t>(counter.add(text));
  }
  size_t count = 0;
  for_each_piece(pattern_, text, [&](std::string_view piece, bool) {
    count += count_piece(vocabulary_, piece);
    return true;
  });
  return count;
}

void Encoding::encode(std::string_view text, std::vector<uint32_t>& tokens) const {
  std::string repaired;
  if (valid_prefix(text) != text.size()) {
    append_valid(repaired, text, true);
    text = repaired;
  }
  for_each_piece(pattern_, text, [&](std::string_view piece, bool) {
    encode_piece(vocabulary_, piece, tokens);
    return true;
  });
}

}  // namespace sluice::tokens
