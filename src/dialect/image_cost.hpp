// How many tokens an image in a prompt is.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "json/reader.hpp"
#include "tokens/model_table.hpp"

namespace sluice::dialect {

/// In pixels; both positive.
struct ImageSize {
  int64_t width = 0;
  int64_t height = 0;
  bool operator==(const ImageSize&) const = default;
};

/// Read from the header of a PNG, GIF, JPEG or WebP in base64; nullopt for anything else. Looks at
/// a bounded part of the image, whatever its length.
std::optional<ImageSize> image_size(std::string_view base64);

/// The same of an image as requests carry it: a `data:` URL, or base64 alone. Of an image that
/// lies elsewhere nothing is known.
std::optional<ImageSize> image_size(const json::String& image);

/// By the rule of the model. An image of unknown size is counted as the most costly one.
int64_t image_tokens(const tokens::ImageRule& rule, std::optional<ImageSize> size, bool low_detail);

}  // namespace sluice::dialect
