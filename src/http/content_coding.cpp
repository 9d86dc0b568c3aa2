#include "http/content_coding.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>

#include "base/text.hpp"

namespace sluice::http {
namespace {

constexpr int kGzipWindow = MAX_WBITS + 16;
constexpr size_t kStep = 16 * 1024;

// One element of Accept-Encoding: name and whether its weight is above 0. Weights are read
// leniently: what is not 0 allows.
struct Offer {
  std::string_view name;
  bool allowed = true;
};

Offer parse_offer(std::string_view element) {
  size_t semicolon = element.find(';');
  Offer offer{trim(element.substr(0, semicolon)), true};
  while (semicolon != std::string_view::npos) {
    element.remove_prefix(semicolon + 1);
    semicolon = element.find(';');
    const std::string_view parameter = trim(element.substr(0, semicolon));
    if (istarts_with(parameter, "q="))
      offer.allowed = parameter.find_first_not_of("0.", 2) != std::string_view::npos;
  }
  return offer;
}

bool names(std::string_view name, Coding coding) {
  switch (coding) {
    case Coding::kIdentity:
      return iequals(name, "identity");
    case Coding::kGzip:
      return iequals(name, "gzip") || iequals(name, "x-gzip");
    case Coding::kDeflate:
      return iequals(name, "deflate");
    case Coding::kUnknown:
      return false;
  }
  return false;
}

}  // namespace

Coding parse_coding(std::string_view content_encoding) {
  Coding coding = Coding::kIdentity;
  size_t named = 0;
  for_each_in_list(content_encoding, [&](std::string_view name) {
    ++named;
    coding = Coding::kUnknown;
    for (const Coding known : {Coding::kIdentity, Coding::kGzip, Coding::kDeflate}) {
      if (names(name, known)) coding = known;
    }
  });
  return named > 1 ? Coding::kUnknown : coding;
}

bool accepts(std::string_view accept_encoding, Coding coding) {
  if (coding == Coding::kUnknown) return false;
  // Identity is allowed unless something forbids it (RFC 9110 section 12.5.3).
  bool named = false;
  bool by_name = false;
  bool by_star = coding == Coding::kIdentity;
  for_each_in_list(accept_encoding, [&](std::string_view element) {
    const Offer offer = parse_offer(element);
    if (offer.name == "*") by_star = offer.allowed;
    if (!names(offer.name, coding)) return;
    named = true;
    by_name = offer.allowed;
  });
  return named ? by_name : by_star;
}

struct Inflater::State {
  State(Coding which, uint64_t limit)
      : coding(which), left(limit), finished(which == Coding::kIdentity) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (open) inflateEnd(&stream);
  }

  Status copy(std::string_view input, std::string& out);
  Status inflate(std::string_view input, std::string& out);
  bool start(char first_byte);

  Coding coding;
  uint64_t left;  // bytes that may still come out
  z_stream stream{};
  bool open = false;
  bool failed = false;
  bool finished;
};

Status Inflater::State::copy(std::string_view input, std::string& out) {
  if (input.size() > left) return fail(ErrorCode::kRequestTooLarge, "body too large");
  left -= input.size();
  out += input;
  return {};
}

bool Inflater::State::start(char first_byte) {
  int window = kGzipWindow;
  if (coding == Coding::kDeflate) {
    // "deflate" is zlib's format (RFC 1950), but some senders leave out its header. That begins
    // with a byte whose low half is 8; raw deflate would then begin with a stored block whose
    // padding is not zero, which no encoder makes.
    window = (first_byte & 0x0f) == 8 ? MAX_WBITS : -MAX_WBITS;
  }
  open = inflateInit2(&stream, window) == Z_OK;
  return open;
}

Status Inflater::State::inflate(std::string_view input, std::string& out) {
  if (!open && !start(input.front()))
    return fail(ErrorCode::kInternal, "no memory for decompression");
  std::array<Bytef, kStep> buffer;
  while (!input.empty()) {
    // zlib counts in 32 bits.
    const size_t part = std::min<size_t>(input.size(), 1U << 30);
    // zlib's interface predates const: it does not write there.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream.avail_in = static_cast<uInt>(part);
    input.remove_prefix(part);
    do {
      if (finished) {
        // A gzip file may have several members (RFC 1952 section 2.2).
        if (coding != Coding::kGzip || inflateReset(&stream) != Z_OK)
          return fail(ErrorCode::kProtocol, "bytes behind the end of a coded body");
        finished = false;
      }
      // One byte more than allowed tells "exactly full" from "too large".
      const size_t room = static_cast<size_t>(std::min<uint64_t>(kStep - 1, left)) + 1;
      stream.next_out = buffer.data();
      stream.avail_out = static_cast<uInt>(room);
      const int result = ::inflate(&stream, Z_NO_FLUSH);
      const size_t made = room - stream.avail_out;
      if (made > left) return fail(ErrorCode::kRequestTooLarge, "decoded body too large");
      left -= made;
      out.append(reinterpret_cast<const char*>(buffer.data()), made);
      finished = result == Z_STREAM_END;
      // Z_BUF_ERROR: nothing left to do with what there is.
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return fail(ErrorCode::kProtocol, "corrupt coded body");
    } while (stream.avail_in > 0 || (stream.avail_out == 0 && !finished));
  }
  return {};
}

Inflater::Inflater(Coding coding, uint64_t max_output)
    : state_(std::make_unique<State>(coding, max_output)) {}
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;

bool Inflater::finished() const { return state_->finished; }

Status Inflater::feed(std::string_view input, std::string& out) {
  if (state_->failed) return fail(ErrorCode::kProtocol, "the coded body was already refused");
  if (input.empty()) return {};
  Status status;
  switch (state_->coding) {
    case Coding::kIdentity:
      status = state_->copy(input, out);
      break;
    case Coding::kGzip:
    case Coding::kDeflate:
      status = state_->inflate(input, out);
      break;
    case Coding::kUnknown:
      status = fail(ErrorCode::kProtocol, "unknown content coding");
      break;
  }
  if (!status) {
    state_->failed = true;
    state_->finished = false;
  }
  return status;
}

std::string gzip(std::string_view text) {
  constexpr int kMemoryLevel = 8;  // zlib's default
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out;
  std::array<Bytef, kStep> buffer;
  int result = Z_OK;
  while (result != Z_STREAM_END) {
    if (stream.avail_in == 0) {
      const size_t part = std::min<size_t>(text.size(), 1U << 30);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
      stream.avail_in = static_cast<uInt>(part);
      text.remove_prefix(part);
    }
    stream.next_out = buffer.data();
    stream.avail_out = kStep;
    result = deflate(&stream, text.empty() ? Z_FINISH : Z_NO_FLUSH);
    out.append(reinterpret_cast<const char*>(buffer.data()), kStep - stream.avail_out);
  }
  deflateEnd(&stream);
  return out;
}

}  // namespace sluice::http
