// The two forms in which OpenAI's embeddings come: numbers, and base64 of the same as floats.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::dialect {

/// As `encoding_format` of a request says; absent: numbers.
enum class EmbeddingEncoding : uint8_t {
  kNumbers,
  kBase64,  // of 32-bit floats, little-endian
  kOther,   // none of OpenAI's: the upstream's to judge
};

EmbeddingEncoding embedding_encoding(std::string_view request);

/// The first embedding of a valid answer tells whether its upstream has heeded what was asked. A
/// client that decodes base64 and is given numbers has an empty vector, and no error.
bool embeddings_are(EmbeddingEncoding asked, std::string_view answer);

/// A valid answer with all its embeddings so; all other bytes stay as they are, and so does what
/// is neither a list of numbers nor base64 of floats.
std::string write_embeddings(EmbeddingEncoding asked, std::string_view answer);

}  // namespace sluice::dialect
