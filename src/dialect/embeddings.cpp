#include "dialect/embeddings.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "dialect/chat/reading.hpp"
#include "json/slices.hpp"

namespace sluice::dialect {
namespace {

static_assert(std::endian::native == std::endian::little && sizeof(float) == 4);

EmbeddingEncoding encoding_of(json::Value embedding) {
  if (embedding.kind() == json::Kind::kArray) return EmbeddingEncoding::kNumbers;
  if (embedding.kind() == json::Kind::kString) return EmbeddingEncoding::kBase64;
  return EmbeddingEncoding::kOther;
}

/// nullopt where it holds anything but numbers, such as a vector for each token.
std::optional<std::string> to_base64(json::Value numbers) {
  std::string bytes;
  json::Elements elements(numbers);
  json::Value element;
  while (elements.next(element)) {
    const std::optional<double> number = element.as_double();
    if (!number || std::abs(*number) > std::numeric_limits<float>::max()) return std::nullopt;
    const auto value = static_cast<float>(*number);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return '"' + chat::encode_base64(bytes) + '"';
}

/// The shortest numbers that are these floats; nullopt where it is no base64 of them.
std::optional<std::string> to_numbers(json::Value base64) {
  const std::string text = base64.as_string().value_or("");
  const std::string bytes = chat::decode_base64(text);
  if (bytes.size() % sizeof(float) != 0 || (bytes.empty() && !text.empty())) return std::nullopt;
  std::string out = "[";
  for (size_t at = 0; at < bytes.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    if (!std::isfinite(value)) return std::nullopt;
    std::array<char, 32> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    if (at > 0) out += ',';
    out.append(digits.data(), end);
  }
  return out + ']';
}

}  // namespace

EmbeddingEncoding embedding_encoding(std::string_view request) {
  const json::Value format = json::Value(request)["encoding_format"];
  if (!format.exists() || format.is_null()) return EmbeddingEncoding::kNumbers;
  const std::string name = format.as_string().value_or("");
  if (name == "float") return EmbeddingEncoding::kNumbers;
  return name == "base64" ? EmbeddingEncoding::kBase64 : EmbeddingEncoding::kOther;
}

bool embeddings_are(EmbeddingEncoding asked, std::string_view answer) {
  if (asked == EmbeddingEncoding::kOther) return true;
  json::Elements data{json::Value(answer)["data"]};
  json::Value first;
  if (!data.next(first)) return true;
  const EmbeddingEncoding given = encoding_of(first["embedding"]);
  return given == asked || given == EmbeddingEncoding::kOther;
}

std::string write_embeddings(EmbeddingEncoding asked, std::string_view answer) {
  std::string out;
  size_t copied = 0;
  json::Elements data{json::Value(answer)["data"]};
  json::Value element;
  while (data.next(element)) {
    const json::Value embedding = element["embedding"];
    const EmbeddingEncoding given = encoding_of(embedding);
    if (given == asked || given == EmbeddingEncoding::kOther) continue;
    const auto written =
        asked == EmbeddingEncoding::kBase64 ? to_base64(embedding) : to_numbers(embedding);
    if (!written) continue;
    const auto at = static_cast<size_t>(embedding.raw().data() - answer.data());
    out.append(answer.substr(copied, at - copied)).append(*written);
    copied = at + embedding.raw().size();
  }
  return out.append(answer.substr(copied));
}

}  // namespace sluice::dialect
