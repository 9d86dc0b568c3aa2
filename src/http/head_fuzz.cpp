// A connection's bytes, read as messages one after the other: whole and in pieces must give the
// same. The first byte chooses requests or responses, and the limits.
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/body.hpp"
#include "http/fuzz_cuts.hpp"
#include "http/head.hpp"

namespace sluice::http {
namespace {

struct Setting {
  bool responses = false;
  std::string_view request_method;
  HeadLimits limits;
};

// Reads messages as a server or a client would, and writes down what it saw.
class Reader {
 public:
  explicit Reader(const Setting& setting) : setting_(setting) {}

  void feed(std::string_view bytes) {
    if (ended_) return;
    if (in_body_) {
      // Heads are parsed from a growing buffer, bodies from the bytes as they come.
      if (!take_body(bytes)) return;
    }
    buffer_ += bytes;
    while (!ended_ && take_head()) {
      std::string_view rest = buffer_;
      const bool body_ended = take_body(rest);
      buffer_ = std::string(rest);
      if (!body_ended) return;
    }
  }

  std::string finish() {
    if (!ended_) transcript_ += in_body_ && body_.finish_at_close() ? "|complete" : "|open";
    return transcript_;
  }

 private:
  bool take_head() {
    // A copy of the exact size, for the sanitizer to see reads behind the end.
    const std::vector<char> exact(buffer_.begin(), buffer_.end());
    const std::string_view bytes(exact.data(), exact.size());
    RequestHead request;
    ResponseHead response;
    const HeadResult result = setting_.responses
                                  ? parse_response_head(bytes, scanned_, setting_.limits,
                                                        setting_.request_method, response)
                                  : parse_request_head(bytes, scanned_, setting_.limits, request);
    if (result.state == HeadState::kNeedMore) return false;
    if (result.state == HeadState::kBad) {
      transcript_ += fmt::format("|bad {} {}", result.error.status, result.error.reason);
      ended_ = true;
      return false;
    }
    if (result.consumed > setting_.limits.max_bytes) std::abort();
    const Fields& fields = setting_.responses ? response.fields : request.fields;
    if (fields.size() > setting_.limits.max_fields) std::abort();
    for (const Field& field : fields) {
      transcript_ += fmt::format("|{}={}", field.name, field.value);
      (void)is_hop_by_hop(field.name, fields);
    }
    if (setting_.responses) {
      transcript_ += fmt::format("|{} {} {}", response.status, static_cast<int>(response.framing),
                                 response.keep_alive);
      body_ = BodyDecoder(response.framing, response.content_length);
    } else {
      check_request(request);
      transcript_ += fmt::format("|{} {} {} {}", request.method, request.target,
                                 static_cast<int>(request.framing), request.keep_alive);
      body_ = BodyDecoder(request.framing, request.content_length);
    }
    transcript_ += "|body:";
    buffer_.erase(0, result.consumed);
    scanned_ = 0;
    in_body_ = true;
    return true;
  }

  // What everything behind the parser relies on.
  static void check_request(const RequestHead& head) {
    if (head.method.empty() || head.target.empty()) std::abort();
    for (const char c : head.target) {
      if (c <= ' ' || c > '~') std::abort();
    }
    if (head.framing == Framing::kUntilClose) std::abort();
    if (head.fields.count("content-length") + head.fields.count("transfer-encoding") > 1)
      std::abort();
    for (const Field& field : head.fields) {
      if (field.name.empty()) std::abort();
      if (field.value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
        std::abort();
    }
  }

  bool take_body(std::string_view& bytes) {
    for (;;) {
      const BodyDecoder::Step step = body_.next(bytes);
      switch (step.kind) {
        case BodyDecoder::kData:
          if (step.data.empty()) std::abort();
          transcript_ += step.data;
          break;
        case BodyDecoder::kNeedMore:
          if (!bytes.empty()) std::abort();
          return false;
        case BodyDecoder::kBad:
          transcript_ += fmt::format("|bad {}", step.reason);
          ended_ = true;
          return false;
        case BodyDecoder::kEnd:
          in_body_ = false;
          return true;
      }
    }
  }

  const Setting& setting_;
  std::string buffer_;
  size_t scanned_ = 0;
  BodyDecoder body_;
  bool in_body_ = false;
  bool ended_ = false;
  std::string transcript_;
};

}  // namespace
}  // namespace sluice::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::http;
  if (size == 0) return 0;
  Setting setting;
  setting.responses = (data[0] & 1) != 0;
  setting.request_method = (data[0] & 2) != 0 ? "HEAD" : "POST";
  if ((data[0] & 4) != 0) setting.limits = {.max_bytes = 100, .max_fields = 4};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  Reader whole(setting);
  whole.feed(bytes);
  Reader pieces(setting);
  size_t begin = 0;
  for (const size_t end : fuzz_cuts(bytes)) {
    pieces.feed(bytes.substr(begin, end - begin));
    begin = end;
  }
  if (whole.finish() != pieces.finish()) std::abort();
  return 0;
}
