// Message bodies without I/O: finds where a body ends and hands out its content.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/head.hpp"

namespace sluice::http {

/// Decodes one body. Feed it what arrived; it hands back content as views into that input:
///
///   BodyDecoder body(head.framing, head.content_length);
///   std::string_view input = received;
///   for (;;) {
///     auto step = body.next(input);       // consumes from the front of `input`
///     if (step.kind == BodyDecoder::kData) use(step.data);
///     else break;                         // kNeedMore, kEnd or kBad
///   }
///
/// After kEnd what is left in `input` belongs to the next message. Chunk extensions and trailer
/// fields are bounded (8 KiB together) and dropped.
class BodyDecoder {
 public:
  enum Kind : uint8_t { kNeedMore, kData, kEnd, kBad };
  struct Step {
    Kind kind = kNeedMore;
    std::string_view data;    // when kData, never empty
    std::string_view reason;  // when kBad, static text
  };

  BodyDecoder() : BodyDecoder(Framing::kNone, 0) {}
  BodyDecoder(Framing framing, uint64_t content_length);

  Step next(std::string_view& input);

  /// To be told when the connection ends. True when the body is complete with that: it was
  /// already, or it is framed by the close.
  bool finish_at_close();

  bool done() const { return state_ == State::kEnded; }

 private:
  enum class State : uint8_t {
    kSizedData,
    kSize,
    kSizeExtension,
    kSizeLf,
    kChunkData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kFinalLf,
    kUntilClose,
    kEnded,
    kFailed,
  };
  Step bad(std::string_view reason);
  // One byte of the framing around chunks. Empty, or why it is refused.
  std::string_view take(char c);

  State state_;
  uint8_t size_digits_ = 0;
  uint32_t overhead_ = 0;   // bytes of extensions and trailers so far
  uint64_t remaining_ = 0;  // of the sized body or of the current chunk
};

/// Largest chunk head that write_chunk_head makes.
inline constexpr size_t kMaxChunkHead = 18;

/// Writes the size line of a chunk of `size` bytes to `out` (room for kMaxChunkHead); returns
/// its length.
size_t write_chunk_head(uint64_t size, char* out);

}  // namespace sluice::http
