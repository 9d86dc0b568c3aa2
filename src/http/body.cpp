#include "http/body.hpp"

#include <algorithm>

namespace sluice::http {
namespace {

constexpr uint32_t kMaxOverhead = 8 * 1024;
constexpr uint8_t kMaxSizeDigits = 16;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What may stand in an extension or a trailer's value: no control character but tab.
bool is_text(char c) { return (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f) || c == '\t'; }

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

BodyDecoder::BodyDecoder(Framing framing, uint64_t content_length) {
  switch (framing) {
    case Framing::kNone:
      state_ = State::kEnded;
      break;
    case Framing::kSized:
      state_ = content_length > 0 ? State::kSizedData : State::kEnded;
      remaining_ = content_length;
      break;
    case Framing::kChunked:
      state_ = State::kSize;
      break;
    case Framing::kUntilClose:
      state_ = State::kUntilClose;
      break;
  }
}

BodyDecoder::Step BodyDecoder::bad(std::string_view reason) {
  state_ = State::kFailed;
  return {kBad, {}, reason};
}

BodyDecoder::Step BodyDecoder::next(std::string_view& input) {
  if (state_ == State::kEnded) return {kEnd, {}, {}};
  if (state_ == State::kFailed) return {kBad, {}, "body already refused"};
  while (!input.empty()) {
    if (state_ == State::kUntilClose) {
      const std::string_view data = input;
      input = {};
      return {kData, data, {}};
    }
    if (state_ == State::kSizedData || state_ == State::kChunkData) {
      const std::string_view data =
          input.substr(0, static_cast<size_t>(std::min<uint64_t>(input.size(), remaining_)));
      input.remove_prefix(data.size());
      remaining_ -= data.size();
      if (remaining_ == 0) {
        state_ = state_ == State::kSizedData ? State::kEnded : State::kDataCr;
      }
      return {kData, data, {}};
    }
    const char c = input.front();
    input.remove_prefix(1);
    if (const std::string_view reason = take(c); !reason.empty()) return bad(reason);
    if (state_ == State::kEnded) return {kEnd, {}, {}};
  }
  return {kNeedMore, {}, {}};
}

std::string_view BodyDecoder::take(char c) {
  switch (state_) {
    case State::kSize: {
      if (const int digit = hex_value(c); digit >= 0) {
        if (++size_digits_ > kMaxSizeDigits || remaining_ > (uint64_t{INT64_MAX} >> 4))
          return "chunk size too large";
        remaining_ = remaining_ * 16 + static_cast<uint64_t>(digit);
        return {};
      }
      if (size_digits_ == 0) return "chunk without a size";
      if (c == '\r') {
        state_ = State::kSizeLf;
      } else if (c == ';') {
        state_ = State::kSizeExtension;
      } else {
        return "invalid chunk size";
      }
      return {};
    }
    case State::kSizeExtension:
      if (c == '\r') {
        state_ = State::kSizeLf;
        return {};
      }
      if (!is_text(c)) return "invalid chunk extension";
      return ++overhead_ > kMaxOverhead ? "chunk extensions too long" : "";
    case State::kSizeLf:
      if (c != '\n') return "bare CR behind a chunk size";
      state_ = remaining_ > 0 ? State::kChunkData : State::kTrailerStart;
      return {};
    case State::kDataCr:
      if (c != '\r') return "chunk longer than its size";
      state_ = State::kDataLf;
      return {};
    case State::kDataLf:
      if (c != '\n') return "bare CR behind a chunk";
      state_ = State::kSize;
      size_digits_ = 0;
      return {};
    case State::kTrailerStart:
      if (c == '\r') {
        state_ = State::kFinalLf;
        return {};
      }
      if (!is_name_char(c)) return "invalid trailer field";
      state_ = State::kTrailerName;
      return ++overhead_ > kMaxOverhead ? "trailer too long" : "";
    case State::kTrailerName:
      if (c == ':') {
        state_ = State::kTrailerValue;
      } else if (!is_name_char(c)) {
        return "invalid trailer field";
      }
      return ++overhead_ > kMaxOverhead ? "trailer too long" : "";
    case State::kTrailerValue:
      if (c == '\r') {
        state_ = State::kTrailerLf;
        return {};
      }
      if (!is_text(c)) return "invalid trailer field";
      return ++overhead_ > kMaxOverhead ? "trailer too long" : "";
    case State::kTrailerLf:
      if (c != '\n') return "bare CR in the trailer";
      state_ = State::kTrailerStart;
      return {};
    case State::kFinalLf:
      if (c != '\n') return "bare CR in the trailer";
      state_ = State::kEnded;
      return {};
    default:
      return "not in a chunked body";
  }
}

bool BodyDecoder::finish_at_close() {
  if (state_ == State::kUntilClose) state_ = State::kEnded;
  return state_ == State::kEnded;
}

size_t write_chunk_head(uint64_t size, char* out) {
  char digits[16];
  size_t n = 0;
  do {
    digits[n++] = "0123456789abcdef"[size & 15];
    size >>= 4;
  } while (size > 0);
  std::reverse_copy(digits, digits + n, out);
  out[n] = '\r';
  out[n + 1] = '\n';
  return n + 2;
}

}  // namespace sluice::http
