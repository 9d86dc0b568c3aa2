#include "dialect/image_cost.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace sluice::dialect {
namespace {

// A picture's size stands behind its EXIF data and colour profile, which are rarely larger.
constexpr size_t kMaxLooked = 512 * 1024;

int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return 0;
}

/// Bytes of base64 text, decoded where they are looked at.
class Bytes {
 public:
  explicit Bytes(std::string_view base64)
      : text_(base64.substr(0, kMaxLooked)), size_(text_.size() / 4 * 3) {}

  size_t size() const { return size_; }
  uint8_t at(size_t i) const {
    const size_t digit = i / 3 * 4 + i % 3;
    const int bits = sextet(text_[digit]) << 6 | sextet(text_[digit + 1]);
    return static_cast<uint8_t>(bits >> (4 - 2 * static_cast<int>(i % 3)));
  }
  bool has(size_t i, std::string_view literal) const {
    if (i + literal.size() > size_) return false;
    for (size_t k = 0; k < literal.size(); ++k) {
      if (at(i + k) != static_cast<uint8_t>(literal[k])) return false;
    }
    return true;
  }
  int64_t big(size_t i, int bytes) const {
    int64_t value = 0;
    for (int k = 0; k < bytes; ++k) value = value << 8 | at(i + static_cast<size_t>(k));
    return value;
  }
  int64_t little(size_t i, int bytes) const {
    int64_t value = 0;
    for (int k = bytes; k-- > 0;) value = value << 8 | at(i + static_cast<size_t>(k));
    return value;
  }

 private:
  std::string_view text_;
  size_t size_;
};

/// The frame header (SOF) among the segments before the picture itself.
std::optional<ImageSize> jpeg_size(const Bytes& bytes) {
  size_t at = 2;
  while (at + 9 <= bytes.size() && bytes.at(at) == 0xff) {
    const uint8_t marker = bytes.at(at + 1);
    if (marker == 0xff) {  // padding
      ++at;
      continue;
    }
    if (marker == 0xd9 || marker == 0xda) break;
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {  // alone, without a length
      at += 2;
      continue;
    }
    const bool frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame) return ImageSize{.width = bytes.big(at + 7, 2), .height = bytes.big(at + 5, 2)};
    at += 2 + static_cast<size_t>(bytes.big(at + 2, 2));
  }
  return std::nullopt;
}

std::optional<ImageSize> webp_size(const Bytes& bytes) {
  if (bytes.size() < 30) return std::nullopt;
  if (bytes.has(12, "VP8X")) {
    return ImageSize{.width = bytes.little(24, 3) + 1, .height = bytes.little(27, 3) + 1};
  }
  if (bytes.has(12, "VP8L")) {
    const int64_t bits = bytes.little(21, 4);
    return ImageSize{.width = (bits & 0x3fff) + 1, .height = (bits >> 14 & 0x3fff) + 1};
  }
  if (bytes.has(12, "VP8 ")) {
    return ImageSize{.width = bytes.little(26, 2) & 0x3fff, .height = bytes.little(28, 2) & 0x3fff};
  }
  return std::nullopt;
}

std::optional<ImageSize> any_size(const Bytes& bytes) {
  if (bytes.size() >= 24 && bytes.has(0, "\x89PNG\r\n\x1a\n")) {
    return ImageSize{.width = bytes.big(16, 4), .height = bytes.big(20, 4)};
  }
  if (bytes.size() >= 10 && (bytes.has(0, "GIF87a") || bytes.has(0, "GIF89a"))) {
    return ImageSize{.width = bytes.little(6, 2), .height = bytes.little(8, 2)};
  }
  if (bytes.has(0, "RIFF") && bytes.has(8, "WEBP")) return webp_size(bytes);
  if (bytes.has(0, "\xff\xd8\xff")) return jpeg_size(bytes);
  return std::nullopt;
}

int64_t ceil_div(double size, int64_t unit) {
  return static_cast<int64_t>(std::ceil(size / static_cast<double>(unit)));
}

/// Scaled into a square of 2,048, then to a shorter side of 768, never up; a base and so much
/// for every tile of 512 that it touches. (OpenAI, "Images and vision".)
int64_t tile_tokens(const tokens::ImageRule& rule, ImageSize size) {
  auto width = static_cast<double>(size.width);
  auto height = static_cast<double>(size.height);
  const double into = std::min(1.0, 2048.0 / std::max(width, height));
  width *= into;
  height *= into;
  const double down = std::min(1.0, 768.0 / std::min(width, height));
  const int64_t tiles = std::max<int64_t>(1, ceil_div(std::round(width * down), 512)) *
                        std::max<int64_t>(1, ceil_div(std::round(height * down), 512));
  return rule.base + tiles * rule.tile;
}

/// Patches of 32; an image of more than 1,536 is scaled down until it fits, to whole patches in
/// one direction. (The same page.)
int64_t patch_tokens(const tokens::ImageRule& rule, ImageSize size) {
  constexpr double kPatch = 32;
  constexpr double kMost = 1536;
  const auto width = static_cast<double>(size.width);
  const auto height = static_cast<double>(size.height);
  double patches = std::ceil(width / kPatch) * std::ceil(height / kPatch);
  if (patches > kMost) {
    double scale = std::sqrt(kPatch * kPatch * kMost / (width * height));
    const double across = width * scale / kPatch;
    const double down = height * scale / kPatch;
    scale *= std::min(std::max(1.0, std::floor(across)) / across,
                      std::max(1.0, std::floor(down)) / down);
    // The scaled sides are whole numbers but for what floating point makes of them.
    patches = std::ceil(width * scale / kPatch - 1e-6) * std::ceil(height * scale / kPatch - 1e-6);
  }
  return static_cast<int64_t>(std::ceil(std::clamp(patches, 1.0, kMost) * rule.percent / 100));
}

/// Longer side to 1,568, then width * height / 750, about 1,600 at most. (Anthropic, "Vision".)
int64_t area_tokens(ImageSize size) {
  auto width = static_cast<double>(size.width);
  auto height = static_cast<double>(size.height);
  const double scale = std::min(1.0, 1568.0 / std::max(width, height));
  return static_cast<int64_t>(
      std::clamp(std::ceil(width * scale * height * scale / 750), 1.0, 1600.0));
}

}  // namespace

std::optional<ImageSize> image_size(std::string_view base64) {
  const auto size = any_size(Bytes(base64));
  if (!size || size->width <= 0 || size->height <= 0) return std::nullopt;
  return size;
}

std::optional<ImageSize> image_size(const json::String& image) {
  std::string_view text = image.bytes.substr(0, kMaxLooked);
  std::string plain;
  if (image.escaped) {
    // "\/" as some writers have it. What is cut in its middle is left out.
    const size_t last = text.rfind('\\');
    if (last != std::string_view::npos && text.size() - last < 12) text = text.substr(0, last);
    while (text.ends_with('\\')) text.remove_suffix(1);
    json::String{.bytes = text, .escaped = true}.append_to(plain);
    text = plain;
  }
  if (text.starts_with("data:")) {
    const size_t comma = text.substr(0, 256).find(',');
    if (comma == std::string_view::npos) return std::nullopt;
    text.remove_prefix(comma + 1);
  }
  return image_size(text);
}

int64_t image_tokens(const tokens::ImageRule& rule, std::optional<ImageSize> size,
                     bool low_detail) {
  using Kind = tokens::ImageRule::Kind;
  if (rule.kind == Kind::kTiles) {
    if (low_detail) return rule.base;
    return tile_tokens(rule, size.value_or(ImageSize{.width = 768, .height = 2048}));
  }
  if (rule.kind == Kind::kPatches) {
    return patch_tokens(rule, size.value_or(ImageSize{.width = 1024, .height = 1536}));
  }
  return size ? area_tokens(*size) : 1600;
}

}  // namespace sluice::dialect
