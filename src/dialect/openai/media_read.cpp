#include "dialect/openai/media_read.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "dialect/chat/reading.hpp"

namespace sluice::dialect::openai {
namespace {

using chat::Block;
using chat::BlockKind;
using chat::refuse;
using chat::Source;

constexpr std::string_view kPdf = "application/pdf";
constexpr auto kImageTypes =
    std::to_array<std::string_view>({"image/jpeg", "image/png", "image/gif", "image/webp"});

Status read_data(const chat::DataUrl& data, const std::string& where, chat::Arena& arena,
                 Block& block) {
  if (data.data.empty()) return refuse(where, "A data URL must hold base64.");
  const std::string_view told = chat::sniff_media_type(data.data);
  const std::string_view type = told.empty() ? std::string_view(data.media_type) : told;
  if (type.starts_with("text/") && block.kind == BlockKind::kDocument) {
    const std::string text = chat::decode_base64(data.data);
    if (text.empty()) return refuse(where, "A data URL must hold base64.");
    block.source = {.kind = Source::Kind::kText,
                    .media_type = chat::literal("text/plain"),
                    .data = arena.text(text)};
    return {};
  }
  if (type == kPdf) {
    block.kind = BlockKind::kDocument;
  } else if (std::ranges::find(kImageTypes, type) != kImageTypes.end()) {
    block.kind = BlockKind::kImage;
  } else {
    return refuse(where, "Content of type '" + std::string(type) +
                             "' is not taken, only JPEG, PNG, GIF, WebP, PDF and text files.");
  }
  block.source = {
      .kind = Source::Kind::kBase64, .media_type = arena.text(type), .data = arena.text(data.data)};
  return {};
}

}  // namespace

Status read_image_url(json::String url, const std::string& where, chat::Arena& arena,
                      Block& block) {
  block.kind = BlockKind::kImage;
  if (istarts_with(url.bytes, "data:")) {
    return read_data(chat::parse_data_url(url.str()), where, arena, block);
  }
  if (!istarts_with(url.bytes, "http:") && !istarts_with(url.bytes, "https:")) {
    return refuse(where, "An image must be at an http, https or data URL.");
  }
  block.source = {.kind = Source::Kind::kUrl, .media_type = {}, .data = url};
  return {};
}

Status read_file_data(json::String data, const std::string& where, chat::Arena& arena,
                      Block& block) {
  block.kind = BlockKind::kDocument;
  const chat::DataUrl parsed =
      istarts_with(data.bytes, "data:")
          ? chat::parse_data_url(data.str())
          : chat::DataUrl{.media_type = std::string(kPdf), .data = data.str()};
  return read_data(parsed, where, arena, block);
}

}  // namespace sluice::dialect::openai
