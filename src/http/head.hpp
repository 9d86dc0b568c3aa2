// HTTP/1.1 message heads (RFC 9112), parsed strictly and without I/O or allocation beyond the
// field table. What another hop might read differently is refused, not repaired: that is how
// requests are smuggled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {

/// One header field. Views into the head's bytes; the value is trimmed.
struct Field {
  std::string_view name;
  std::string_view value;
};

/// Header fields in order of arrival. Holds views: the head's buffer must outlive it.
class Fields {
 public:
  void clear() { fields_.clear(); }
  void add(std::string_view name, std::string_view value) {
    if (fields_.empty()) fields_.reserve(kUsual);
    fields_.push_back({name, value});
  }

  /// Value of the first field of that name, case-insensitive; empty when absent.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  size_t count(std::string_view name) const;
  /// True when `token` is an element of the comma-separated field(s) `name`, case-insensitive.
  bool has_token(std::string_view name, std::string_view token) const;

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  size_t size() const { return fields_.size(); }

 private:
  static constexpr size_t kUsual = 16;
  std::vector<Field> fields_;
};

/// How the end of a body is found (RFC 9112 section 6.3).
enum class Framing : uint8_t {
  kNone,        // no body
  kSized,       // Content-Length
  kChunked,     // Transfer-Encoding: chunked
  kUntilClose,  // responses only: ends with the connection
};

struct HeadLimits {
  size_t max_bytes = 64 * 1024;
  size_t max_fields = 128;
};

struct RequestHead {
  std::string_view method;
  // Begins with '/' (origin form), or is "*" when the method is OPTIONS; printable ASCII. Absolute
  // form is refused: it names a second host, and only forward proxies need it.
  std::string_view target;
  int minor_version = 1;  // HTTP/1.minor: 0 or 1
  Fields fields;
  Framing framing = Framing::kNone;
  uint64_t content_length = 0;  // when framing is kSized; below 2^63
  bool keep_alive = true;
  bool expect_continue = false;

  std::string_view path() const { return target.substr(0, target.find('?')); }
  std::string_view query() const;
};

struct ResponseHead {
  int status = 0;  // 100..599
  int minor_version = 1;
  Fields fields;
  Framing framing = Framing::kNone;
  uint64_t content_length = 0;
  bool keep_alive = true;
};

/// Why a head was refused. Requests: answer with `status` and close. Responses: the upstream
/// is broken.
struct HeadError {
  int status = 400;         // 400, 414, 431, 501 or 505
  std::string_view reason;  // static text for people, e.g. "two Content-Length fields"
};

enum class HeadState : uint8_t { kNeedMore, kDone, kBad };

struct HeadResult {
  HeadState state = HeadState::kNeedMore;
  size_t consumed = 0;  // bytes of the head including the blank line, when kDone
  HeadError error;      // when kBad
};

/// Parses the request head at the start of `bytes`. Call again with more bytes appended after
/// kNeedMore; `scanned` remembers between the calls how far the search for the end has come
/// (start with 0), so that a head that arrives byte by byte stays linear. At most one CRLF
/// before the request line is skipped. Bare CR or LF is refused as soon as it is seen, without
/// waiting for the end of the head; so is a head beyond the limits.
HeadResult parse_request_head(std::string_view bytes, size_t& scanned, const HeadLimits& limits,
                              RequestHead& head);

/// The same for a response. `request_method` decides whether there is a body (HEAD, CONNECT).
/// 1xx heads are returned like any other with Framing::kNone; the caller skips them.
HeadResult parse_response_head(std::string_view bytes, size_t& scanned, const HeadLimits& limits,
                               std::string_view request_method, ResponseHead& head);

/// Reason phrase of a status ("Not Found"); "Unknown" for one without a standard phrase.
std::string_view reason_phrase(int status);

/// True for the fields that concern one connection only (RFC 9110 section 7.6.1) and those that
/// `fields` names in its Connection field; a proxy must not pass them on.
bool is_hop_by_hop(std::string_view name, const Fields& fields);

}  // namespace sluice::http
