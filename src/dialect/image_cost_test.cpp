#include "dialect/image_cost.hpp"

#include <gtest/gtest.h>

namespace sluice::dialect {
namespace {

using tokens::facts_of;

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::string padded(bytes);
  while (padded.size() % 3 != 0) padded += '\0';
  for (size_t i = 0; i < padded.size(); i += 3) {
    const uint32_t group = static_cast<uint32_t>(static_cast<uint8_t>(padded[i])) << 16 |
                           static_cast<uint32_t>(static_cast<uint8_t>(padded[i + 1])) << 8 |
                           static_cast<uint32_t>(static_cast<uint8_t>(padded[i + 2]));
    for (int shift = 18; shift >= 0; shift -= 6) out += kDigits[group >> shift & 63];
  }
  return out;
}

std::string bytes_of(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

std::string png(int64_t width, int64_t height) {
  std::string out = "\x89PNG\r\n\x1a\n" + bytes_of({0, 0, 0, 13}) + "IHDR";
  for (const int64_t side : {width, height}) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(side >> shift);
  }
  return out + bytes_of({8, 2, 0, 0, 0});
}

std::string jpeg(size_t exif) {
  std::string out = bytes_of({0xff, 0xd8});
  // Application data, of which a segment holds 64 KiB at most, then padding, tables, the frame.
  for (size_t left = exif; left > 0;) {
    const size_t piece = std::min<size_t>(left, 65'533);
    const size_t length = piece + 2;
    out += bytes_of({0xff, 0xe1, static_cast<int>(length >> 8), static_cast<int>(length & 255)});
    out += std::string(piece, '\x55');
    left -= piece;
  }
  out += bytes_of({0xff, 0xff, 0xdb, 0, 4, 1, 2});
  out += bytes_of({0xff, 0xc2, 0, 11, 8, 0x01, 0x2c, 0x02, 0x58, 1, 1, 0x11, 0});
  return out;
}

TEST(ImageSize, IsReadFromTheHeaderOfEveryKind) {
  EXPECT_EQ(image_size(base64(png(1024, 768))), (ImageSize{1024, 768}));
  EXPECT_EQ(image_size(base64("GIF89a" + bytes_of({0x40, 0x01, 0xc8, 0x00, 0, 0, 0}))),
            (ImageSize{320, 200}));
  EXPECT_EQ(image_size(base64(jpeg(0))), (ImageSize{600, 300}));
  const std::string riff = "RIFF" + bytes_of({9, 0, 0, 0}) + "WEBP";
  EXPECT_EQ(image_size(base64(riff + "VP8X" + bytes_of({10, 0, 0, 0, 0, 0, 0, 0}) +
                              bytes_of({0xff, 0x03, 0, 0x57, 0x02, 0}))),
            (ImageSize{1024, 600}));
  // 14 bits each, less one: 400 by 301.
  EXPECT_EQ(image_size(base64(riff + "VP8L" + bytes_of({10, 0, 0, 0, 0x2f}) +
                              bytes_of({0x8f, 0x01, 0x4b, 0, 0, 0, 0, 0, 0}))),
            (ImageSize{400, 301}));
  EXPECT_EQ(image_size(base64(riff + "VP8 " + bytes_of({10, 0, 0, 0, 0, 0, 0, 0x9d, 0x01, 0x2a}) +
                              bytes_of({0x80, 0x02, 0xe0, 0x01, 0, 0}))),
            (ImageSize{640, 480}));
}

TEST(ImageSize, IsFoundBehindLongPhotographersNotes) {
  EXPECT_EQ(image_size(base64(jpeg(150'000))), (ImageSize{600, 300}));
  EXPECT_EQ(image_size(base64(jpeg(2'000'000))), std::nullopt);
}

TEST(ImageSize, IsReadFromDataUrlsHoweverTheyAreWritten) {
  const std::string image = base64(png(64, 32) + std::string(300, '\xff'));
  const std::string url = "data:image/png;base64," + image;
  EXPECT_EQ(image_size(json::String{.bytes = url}), (ImageSize{64, 32}));
  EXPECT_EQ(image_size(json::String{.bytes = image}), (ImageSize{64, 32}));
  std::string escaped;
  for (const char c : url) escaped += c == '/' ? std::string("\\/") : std::string(1, c);
  ASSERT_NE(escaped, url);
  EXPECT_EQ(image_size(json::String{.bytes = escaped, .escaped = true}), (ImageSize{64, 32}));
}

TEST(ImageSize, IsUnknownOfWhatIsNotAnImageHere) {
  for (const char* text : {"", "data:", "data:,", "https://example.com/cat.png", "////", "AAAA",
                           "iVBORw0KGgo", "R0lGODlh"}) {
    EXPECT_EQ(image_size(json::String{.bytes = text}), std::nullopt) << text;
  }
  EXPECT_EQ(image_size(base64(png(0, 10))), std::nullopt);
  // Every header cut short.
  for (const std::string& whole : {base64(png(10, 10)), base64(jpeg(100))}) {
    for (size_t length = 0; length < whole.size(); ++length) {
      (void)image_size(std::string_view(whole).substr(0, length));
    }
  }
}

int64_t cost(std::string_view model, int64_t width, int64_t height, bool low = false) {
  return image_tokens(facts_of(model).images, ImageSize{width, height}, low);
}

TEST(ImageCost, IsWhatOpenAiPublishesForTiles) {
  EXPECT_EQ(cost("gpt-4o", 1024, 1024), 765);
  EXPECT_EQ(cost("gpt-4o", 2048, 4096), 1105);
  EXPECT_EQ(cost("gpt-4o", 4096, 8192, true), 85);
  EXPECT_EQ(cost("gpt-4o", 512, 512), 255);
  EXPECT_EQ(cost("gpt-4o", 1, 1), 255);
  EXPECT_EQ(cost("gpt-4o-mini", 1024, 1024), 2833 + 4 * 5667);
  EXPECT_EQ(cost("o3", 1024, 1024), 75 + 4 * 150);
  EXPECT_EQ(cost("gpt-5", 1024, 1024), 70 + 4 * 140);
}

TEST(ImageCost, IsWhatOpenAiPublishesForPatches) {
  EXPECT_EQ(cost("o4-mini", 1024, 1024), 1762);       // 1024 patches times 1.72
  EXPECT_EQ(cost("gpt-4.1-mini", 1800, 2400), 2353);  // 1452 patches times 1.62
  EXPECT_EQ(cost("gpt-4.1-nano", 32, 32), 3);
  EXPECT_LE(cost("gpt-5-nano", 100'000, 1), 1536 * 246 / 100 + 1);
}

TEST(ImageCost, IsWhatAnthropicPublishes) {
  EXPECT_EQ(cost("claude-sonnet-4-6", 200, 200), 54);
  EXPECT_EQ(cost("claude-sonnet-4-6", 1000, 1000), 1334);
  EXPECT_EQ(cost("claude-sonnet-4-6", 1092, 1092), 1590);
  EXPECT_EQ(cost("claude-sonnet-4-6", 8000, 8000), 1600);
}

TEST(ImageCost, OfAnUnknownSizeIsTheLargestThatTheRuleAllows) {
  for (const char* model : {"gpt-4o", "gpt-5-mini", "o4-mini", "claude-opus-4-6", "unknown"}) {
    const auto& rule = facts_of(model).images;
    const int64_t unknown = image_tokens(rule, std::nullopt, false);
    for (const int64_t width : {1, 31, 512, 767, 769, 1092, 1568, 2048, 5000, 1'000'000}) {
      for (const int64_t height : {1, 33, 500, 768, 1092, 2049, 60'000}) {
        const int64_t known = image_tokens(rule, ImageSize{width, height}, false);
        EXPECT_LE(known, unknown) << model << " " << width << "x" << height;
        EXPECT_GT(known, 0);
      }
    }
  }
  EXPECT_GT(image_tokens(facts_of("o4-mini").images, ImageSize{UINT32_MAX, UINT32_MAX}, false), 0);
}

}  // namespace
}  // namespace sluice::dialect
