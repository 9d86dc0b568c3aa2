#include "http/content_coding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <string>
#include <vector>

namespace sluice::http {
namespace {

constexpr uint64_t kPlenty = 64 << 20;

std::string compress(std::string_view text, int window) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zlib(std::string_view text) { return compress(text, MAX_WBITS); }
std::string raw_deflate(std::string_view text) { return compress(text, -MAX_WBITS); }

// Random enough not to compress to nothing.
std::string sample_text(size_t size) {
  std::minstd_rand random(5);
  std::string text;
  while (text.size() < size) text += "\"token\":" + std::to_string(random()) + ",";
  text.resize(size);
  return text;
}

struct Decoded {
  std::string text;
  bool finished = false;
  Status status;
};

Decoded decode(Coding coding, std::string_view bytes, size_t step = SIZE_MAX,
               uint64_t max_output = kPlenty) {
  Inflater inflater(coding, max_output);
  Decoded decoded;
  while (!bytes.empty() && decoded.status) {
    const std::string_view piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    decoded.status = inflater.feed(piece, decoded.text);
  }
  decoded.finished = inflater.finished();
  return decoded;
}

void expect_refused(const Decoded& decoded, ErrorCode code) {
  ASSERT_FALSE(decoded.status.has_value());
  EXPECT_EQ(decoded.status.error().code, code) << decoded.status.error().message;
  EXPECT_FALSE(decoded.finished);
}

TEST(Coding, IsNamedByContentEncoding) {
  EXPECT_EQ(parse_coding(""), Coding::kIdentity);
  EXPECT_EQ(parse_coding("identity"), Coding::kIdentity);
  EXPECT_EQ(parse_coding(" GZip "), Coding::kGzip);
  EXPECT_EQ(parse_coding("x-gzip"), Coding::kGzip);
  EXPECT_EQ(parse_coding("deflate"), Coding::kDeflate);
  EXPECT_EQ(parse_coding("br"), Coding::kUnknown);
  EXPECT_EQ(parse_coding("gzip, gzip"), Coding::kUnknown);
  EXPECT_EQ(parse_coding("identity, gzip"), Coding::kUnknown);
}

TEST(AcceptEncoding, AllowsWhatItNames) {
  EXPECT_TRUE(accepts("gzip", Coding::kGzip));
  EXPECT_TRUE(accepts("br;q=1.0, GZIP;q=0.5", Coding::kGzip));
  EXPECT_TRUE(accepts("gzip ; q=0.001", Coding::kGzip));
  EXPECT_FALSE(accepts("br", Coding::kGzip));
  EXPECT_FALSE(accepts("gzipx", Coding::kGzip));
  EXPECT_FALSE(accepts("gzip", Coding::kDeflate));
  EXPECT_FALSE(accepts("gzip", Coding::kUnknown));
}

TEST(AcceptEncoding, ForbidsByAWeightOfZero) {
  EXPECT_FALSE(accepts("gzip;q=0", Coding::kGzip));
  EXPECT_FALSE(accepts("gzip; Q=0.000", Coding::kGzip));
  EXPECT_FALSE(accepts("*, gzip;q=0", Coding::kGzip));
  EXPECT_FALSE(accepts("gzip;q=0, *", Coding::kGzip));
  EXPECT_FALSE(accepts("identity;q=0", Coding::kIdentity));
  EXPECT_FALSE(accepts("*;q=0", Coding::kIdentity));
  EXPECT_TRUE(accepts("*;q=0, identity", Coding::kIdentity));
}

TEST(AcceptEncoding, CountsTheStar) {
  EXPECT_TRUE(accepts("*", Coding::kGzip));
  EXPECT_TRUE(accepts("br, *;q=0.1", Coding::kDeflate));
  EXPECT_FALSE(accepts("*;q=0", Coding::kGzip));
}

TEST(AcceptEncoding, AllowsIdentityOnlyWhenAbsent) {
  EXPECT_TRUE(accepts("", Coding::kIdentity));
  EXPECT_FALSE(accepts("", Coding::kGzip));
  EXPECT_TRUE(accepts("br", Coding::kIdentity));
}

TEST(Inflater, DecodesEveryCodingInEverySplit) {
  const std::string text = sample_text(5000);
  const std::vector<std::pair<Coding, std::string>> bodies = {
      {Coding::kIdentity, text},
      {Coding::kGzip, gzip(text)},
      {Coding::kDeflate, zlib(text)},
      {Coding::kDeflate, raw_deflate(text)}};
  for (const auto& [coding, bytes] : bodies) {
    for (const size_t step :
         {size_t{1}, size_t{2}, size_t{3}, size_t{17}, size_t{1000}, bytes.size()}) {
      const Decoded decoded = decode(coding, bytes, step);
      ASSERT_TRUE(decoded.status.has_value()) << decoded.status.error().message;
      EXPECT_EQ(decoded.text, text);
      EXPECT_TRUE(decoded.finished);
    }
    for (size_t first = 0; first <= bytes.size(); ++first) {
      Inflater inflater(coding, kPlenty);
      std::string out;
      ASSERT_TRUE(inflater.feed(std::string_view(bytes).substr(0, first), out).has_value());
      ASSERT_TRUE(inflater.feed(std::string_view(bytes).substr(first), out).has_value());
      ASSERT_EQ(out, text);
    }
  }
}

TEST(Inflater, DecodesTheEmptyBody) {
  EXPECT_TRUE(decode(Coding::kGzip, gzip("")).finished);
  EXPECT_EQ(decode(Coding::kGzip, gzip("")).text, "");
  EXPECT_TRUE(Inflater(Coding::kIdentity, 0).finished());
}

TEST(Inflater, DecodesSeveralGzipMembers) {
  const std::string bytes = gzip("hello, ") + gzip("world");
  for (size_t step = 1; step <= bytes.size(); ++step) {
    const Decoded decoded = decode(Coding::kGzip, bytes, step);
    EXPECT_EQ(decoded.text, "hello, world");
    EXPECT_TRUE(decoded.finished);
  }
}

TEST(Inflater, TellsACutBodyFromAWholeOne) {
  const std::string bytes = gzip(sample_text(1000));
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Decoded decoded = decode(Coding::kGzip, bytes.substr(0, size));
    EXPECT_TRUE(decoded.status.has_value());
    EXPECT_FALSE(decoded.finished) << size;
  }
}

TEST(Inflater, RefusesCorruptBodies) {
  expect_refused(decode(Coding::kGzip, "not gzip at all"), ErrorCode::kProtocol);
  expect_refused(decode(Coding::kGzip, zlib("zlib")), ErrorCode::kProtocol);
  std::string bytes = gzip(sample_text(1000));
  bytes[bytes.size() - 6] ^= 1;  // in the checksum
  expect_refused(decode(Coding::kGzip, bytes), ErrorCode::kProtocol);
  expect_refused(decode(Coding::kGzip, bytes, 1), ErrorCode::kProtocol);
  expect_refused(decode(Coding::kGzip, gzip("x") + "garbage"), ErrorCode::kProtocol);
  expect_refused(decode(Coding::kDeflate, zlib("x") + "x"), ErrorCode::kProtocol);
  expect_refused(decode(Coding::kUnknown, "x"), ErrorCode::kProtocol);
}

TEST(Inflater, StaysRefused) {
  Inflater inflater(Coding::kGzip, kPlenty);
  std::string out;
  EXPECT_FALSE(inflater.feed("nonsense", out).has_value());
  EXPECT_FALSE(inflater.feed(gzip("fine"), out).has_value());
  EXPECT_EQ(out, "");
}

TEST(Inflater, BoundsWhatASmallBodyGrowsInto) {
  const std::string bomb = gzip(std::string(32 << 20, '\0'));
  ASSERT_LT(bomb.size(), 64u << 10);
  const Decoded decoded = decode(Coding::kGzip, bomb, SIZE_MAX, 1 << 20);
  expect_refused(decoded, ErrorCode::kRequestTooLarge);
  EXPECT_LE(decoded.text.size(), 1u << 20);
  expect_refused(decode(Coding::kIdentity, "12345", 1, 4), ErrorCode::kRequestTooLarge);
}

TEST(Inflater, AllowsExactlyTheBound) {
  const std::string text = sample_text(40000);
  const std::string bytes = gzip(text);
  for (const size_t step : {size_t{1}, size_t{100}, bytes.size()}) {
    const Decoded decoded = decode(Coding::kGzip, bytes, step, text.size());
    EXPECT_TRUE(decoded.status.has_value());
    EXPECT_EQ(decoded.text, text);
    EXPECT_TRUE(decoded.finished);
    expect_refused(decode(Coding::kGzip, bytes, step, text.size() - 1),
                   ErrorCode::kRequestTooLarge);
  }
}

TEST(Inflater, CanBeMovedWhileOpen) {
  const std::string bytes = gzip("hello");
  Inflater first(Coding::kGzip, kPlenty);
  std::string out;
  ASSERT_TRUE(first.feed(bytes.substr(0, 12), out).has_value());
  Inflater second(std::move(first));
  ASSERT_TRUE(second.feed(bytes.substr(12), out).has_value());
  EXPECT_EQ(out, "hello");
  EXPECT_TRUE(second.finished());
}

}  // namespace
}  // namespace sluice::http
