#include "http/body.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice::http {
namespace {

struct Outcome {
  BodyDecoder::Kind kind = BodyDecoder::kNeedMore;
  std::string data;
  std::string reason;
  size_t consumed = 0;

  bool operator==(const Outcome&) const = default;
  friend void PrintTo(const Outcome& o, std::ostream* out) {
    *out << o.kind << " '" << o.data << "' '" << o.reason << "' " << o.consumed;
  }
};

// Decodes the bytes, given in pieces that end at `cuts`.
Outcome decode(Framing framing, uint64_t length, std::string_view bytes,
               const std::vector<size_t>& cuts) {
  BodyDecoder body(framing, length);
  Outcome outcome;
  size_t begin = 0;
  for (const size_t cut : cuts) {
    const std::vector<char> piece(bytes.begin() + static_cast<ptrdiff_t>(begin),
                                  bytes.begin() + static_cast<ptrdiff_t>(cut));
    std::string_view input(piece.data(), piece.size());
    BodyDecoder::Step step;
    while ((step = body.next(input)).kind == BodyDecoder::kData) {
      EXPECT_FALSE(step.data.empty());
      outcome.data += step.data;
    }
    outcome.kind = step.kind;
    outcome.consumed += piece.size() - input.size();
    begin = cut;
    if (step.kind != BodyDecoder::kNeedMore) {
      outcome.reason = step.reason;
      EXPECT_EQ(body.done(), step.kind == BodyDecoder::kEnd);
      EXPECT_EQ(body.next(input).kind, step.kind);
      break;
    }
    EXPECT_TRUE(input.empty());
  }
  return outcome;
}

Outcome decode_chunked(std::string_view bytes) {
  return decode(Framing::kChunked, 0, bytes, {bytes.size()});
}

void expect_refused(std::string_view bytes, std::string_view reason) {
  const Outcome outcome = decode_chunked(bytes);
  EXPECT_EQ(outcome.kind, BodyDecoder::kBad) << bytes;
  EXPECT_EQ(outcome.reason, reason) << bytes;
}

TEST(Body, WithoutABodyLeavesTheInputAlone) {
  const Outcome outcome = decode(Framing::kNone, 0, "next", {4});
  EXPECT_EQ(outcome.kind, BodyDecoder::kEnd);
  EXPECT_EQ(outcome.consumed, 0u);
  EXPECT_TRUE(BodyDecoder().done());
}

TEST(Body, SizedEndsAtItsLength) {
  const Outcome outcome = decode(Framing::kSized, 5, "hellonext", {9});
  EXPECT_EQ(outcome.kind, BodyDecoder::kEnd);
  EXPECT_EQ(outcome.data, "hello");
  EXPECT_EQ(outcome.consumed, 5u);
  EXPECT_TRUE(BodyDecoder(Framing::kSized, 0).done());
}

TEST(Body, ChunkedIsDecoded) {
  const Outcome outcome = decode_chunked("5\r\nhello\r\nA\r\n, world :)\r\n0\r\n\r\nnext");
  EXPECT_EQ(outcome.kind, BodyDecoder::kEnd);
  EXPECT_EQ(outcome.data, "hello, world :)");
  EXPECT_EQ(outcome.consumed, 30u);
}

TEST(Body, ExtensionsAndTrailersAreDropped) {
  const Outcome outcome =
      decode_chunked("5;a=b;c=\"d\"\r\nhello\r\n000;last\r\nX-Checksum: 12\r\nX-Empty:\r\n\r\n");
  EXPECT_EQ(outcome.kind, BodyDecoder::kEnd) << outcome.reason;
  EXPECT_EQ(outcome.data, "hello");
}

TEST(Body, RefusesAnEmptyChunkSize) {
  expect_refused("\r\nhello", "chunk without a size");
  expect_refused(";a=b\r\nhello", "chunk without a size");
  expect_refused("5\r\nhello\r\n\r\n", "chunk without a size");
}

TEST(Body, RefusesChunkSizesThatAreNotHex) {
  for (const char* size : {"g", "+5", "-5", " 5", "x5", "\t5"}) {
    expect_refused(std::string(size) + "\r\nhello", "chunk without a size");
  }
  for (const char* size : {"0x5", "5g", "5 ", "5\t", "5 ;a", "5,", "5_"}) {
    expect_refused(std::string(size) + "\r\nhello", "invalid chunk size");
  }
}

TEST(Body, RefusesOverflowingChunkSizes) {
  expect_refused("8000000000000000\r\n", "chunk size too large");
  expect_refused("FFFFFFFFFFFFFFFF\r\n", "chunk size too large");
  expect_refused("10000000000000005\r\nhello", "chunk size too large");
  expect_refused("00000000000000005\r\nhello", "chunk size too large");
  EXPECT_EQ(decode_chunked("7fffffffffffffff\r\nhello").data, "hello");
}

TEST(Body, RefusesBareLineEndsAroundChunks) {
  expect_refused("5\nhello\r\n", "invalid chunk size");
  expect_refused("5\rhello\r\n", "bare CR behind a chunk size");
  expect_refused("5;a\nhello\r\n", "invalid chunk extension");
  expect_refused("5;a\rhello\r\n", "bare CR behind a chunk size");
  expect_refused("0\r\n\n", "invalid trailer field");
  expect_refused("0\r\n\rx", "bare CR in the trailer");
  expect_refused("0\r\nA: b\n\r\n", "invalid trailer field");
  expect_refused("0\r\nA: b\rc\r\n\r\n", "bare CR in the trailer");
}

TEST(Body, RefusesAChunkThatIsNotAsLongAsItsSize) {
  expect_refused("5\r\nhellooo\r\n", "chunk longer than its size");
  expect_refused("5\r\nhello0\r\n\r\n", "chunk longer than its size");
  expect_refused("5\r\nhello\n0\r\n\r\n", "chunk longer than its size");
  expect_refused("5\r\nhello\rx", "bare CR behind a chunk");
}

TEST(Body, RefusesMalformedTrailers) {
  expect_refused("0\r\n a: b\r\n\r\n", "invalid trailer field");
  expect_refused("0\r\n: b\r\n\r\n", "invalid trailer field");
  expect_refused("0\r\na\r\n\r\n", "invalid trailer field");
  expect_refused("0\r\na : b\r\n\r\n", "invalid trailer field");
  expect_refused(std::string_view("0\r\na: \0\r\n\r\n", 11), "invalid trailer field");
}

TEST(Body, BoundsExtensionsAndTrailers) {
  expect_refused("5;" + std::string(9000, 'a'), "chunk extensions too long");
  expect_refused("0\r\na:" + std::string(9000, 'a'), "trailer too long");
  expect_refused("0\r\n" + std::string(9000, 'a'), "trailer too long");
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "1;abcd\r\nx\r\n";
  expect_refused(many + "0\r\n" + std::string(9000, 'a'), "trailer too long");
  EXPECT_EQ(decode_chunked("5;" + std::string(8000, 'a') + "\r\nhello\r\n0\r\n\r\n").kind,
            BodyDecoder::kEnd);
}

TEST(Body, UntilCloseTakesEverything) {
  BodyDecoder body(Framing::kUntilClose, 0);
  std::string_view input = "all of it";
  EXPECT_EQ(body.next(input).data, "all of it");
  EXPECT_EQ(body.next(input).kind, BodyDecoder::kNeedMore);
  EXPECT_FALSE(body.done());
  EXPECT_TRUE(body.finish_at_close());
  EXPECT_TRUE(body.done());
}

TEST(Body, CutShortByTheCloseIsNotComplete) {
  BodyDecoder sized(Framing::kSized, 5);
  std::string_view input = "hell";
  EXPECT_EQ(sized.next(input).data, "hell");
  EXPECT_FALSE(sized.finish_at_close());
  input = "o";
  EXPECT_EQ(sized.next(input).data, "o");
  EXPECT_TRUE(sized.finish_at_close());

  BodyDecoder chunked(Framing::kChunked, 0);
  input = "5\r\nhello\r\n0\r\n\r";
  while (chunked.next(input).kind == BodyDecoder::kData) {
  }
  EXPECT_FALSE(chunked.finish_at_close());
}

TEST(Body, IsTheSameForEverySplit) {
  struct Sample {
    Framing framing;
    uint64_t length;
    std::string bytes;
  };
  const std::vector<Sample> samples = {
      {Framing::kSized, 11, "hello worldnext"},
      {Framing::kSized, 99, "hello world"},
      {Framing::kUntilClose, 0, "hello world"},
      {Framing::kNone, 0, "hello world"},
      {Framing::kChunked, 0, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nnext"},
      {Framing::kChunked, 0, "05;x=\"y\"\r\nhello\r\n0;z\r\nA: b\r\nC:\r\n\r\nnext"},
      {Framing::kChunked, 0, "20\r\ndata: {\"choices\":[{}]}\r\n\r\n123\r\n0\r\n\r\n"},
      {Framing::kChunked, 0, "5\r\nhello world"},
      {Framing::kChunked, 0, "5\r\nhello\r\nzz\r\n"},
      {Framing::kChunked, 0, "0\r\nA: b\r\n c\r\n\r\n"},
      {Framing::kChunked, 0, "8000000000000000\r\n"},
  };
  std::minstd_rand random(7);
  for (const auto& [framing, length, bytes] : samples) {
    const Outcome whole = decode(framing, length, bytes, {bytes.size()});
    std::vector<size_t> every;
    for (size_t cut = 0; cut <= bytes.size(); ++cut) {
      every.push_back(cut);
      EXPECT_EQ(decode(framing, length, bytes, {cut, bytes.size()}), whole) << cut << ' ' << bytes;
    }
    EXPECT_EQ(decode(framing, length, bytes, every), whole) << bytes;
    for (int round = 0; round < 50; ++round) {
      std::vector<size_t> cuts;
      for (size_t cut = 0; cut < bytes.size(); cut += 1 + random() % 9) cuts.push_back(cut);
      cuts.push_back(bytes.size());
      EXPECT_EQ(decode(framing, length, bytes, cuts), whole) << bytes;
    }
  }
}

TEST(Body, WritesChunkHeads) {
  const auto head = [](uint64_t size) {
    char out[kMaxChunkHead];
    return std::string(out, write_chunk_head(size, out));
  };
  EXPECT_EQ(head(0), "0\r\n");
  EXPECT_EQ(head(15), "f\r\n");
  EXPECT_EQ(head(16), "10\r\n");
  EXPECT_EQ(head(0x12ab), "12ab\r\n");
  EXPECT_EQ(head(UINT64_MAX), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace sluice::http
