#include "http/head.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/text.hpp"

namespace sluice::http {
namespace {

// Lengths are kept below this, so that sums of a length and a buffer size cannot wrap.
constexpr uint64_t kMaxLength = INT64_MAX;

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (const char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
    table[static_cast<uint8_t>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kToken = make_token_table();

size_t token_length(std::string_view text) {
  size_t i = 0;
  while (i < text.size() && kToken[static_cast<uint8_t>(text[i])]) ++i;
  return i;
}

// Position of the first control character (below 0x20, or 0x7f) at or after `at`; size() when
// there is none. Eight bytes a step: the lowest set bit is exact, borrows only disturb higher ones.
size_t find_control(std::string_view text, size_t at) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  static_assert(std::endian::native == std::endian::little);
  while (text.size() - at >= 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    const uint64_t del = word ^ (kOnes * 0x7f);
    const uint64_t hits =
        (((word - kOnes * 0x20) & ~word) | ((del - kOnes) & ~del)) & (kOnes * 0x80);
    if (hits != 0) return at + static_cast<size_t>(std::countr_zero(hits)) / 8;
    at += 8;
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<uint8_t>(text[at]);
    if (c < 0x20 || c == 0x7f) return at;
  }
  return at;
}

HeadResult bad(int status, std::string_view reason) {
  return {.state = HeadState::kBad, .consumed = 0, .error = {.status = status, .reason = reason}};
}

// Looks for the blank line that ends the head. The first line begins at `start`. kDone's
// `consumed` ends behind the blank line; every control character but tab and CRLF is refused.
HeadResult find_end(std::string_view bytes, size_t start, size_t& scanned, const HeadLimits& limits,
                    int first_line_status) {
  const std::string_view window = bytes.substr(0, limits.max_bytes);
  size_t at = std::min(std::max(scanned, start), window.size());
  for (;;) {
    at = find_control(window, at);
    if (at == window.size()) break;
    const char c = window[at];
    if (c == '\t') {
      ++at;
      continue;
    }
    if (c == '\n') return bad(400, "bare LF in the head");
    if (c != '\r') return bad(400, "control character in the head");
    if (at + 1 == window.size()) break;
    if (window[at + 1] != '\n') return bad(400, "bare CR in the head");
    if (at == start) return bad(400, "empty first line");
    const bool blank = window[at - 1] == '\n';
    at += 2;
    if (blank) return {.state = HeadState::kDone, .consumed = at, .error = {}};
  }
  scanned = at;
  if (bytes.size() < limits.max_bytes) return {};
  const bool in_first_line = window.find('\n', start) == std::string_view::npos;
  return in_first_line ? bad(first_line_status, "first line too long") : bad(431, "head too long");
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find('\r');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

// 0 or 1 for HTTP/1.0 and HTTP/1.1; -1 for what is no version, -2 for another version.
int parse_version(std::string_view text) {
  if (text.size() != 8 || !text.starts_with("HTTP/") || text[6] != '.') return -1;
  const char major = text[5];
  const char minor = text[7];
  if (major < '0' || major > '9' || minor < '0' || minor > '9') return -1;
  if (major != '1' || minor > '1') return -2;
  return minor - '0';
}

// uri-host [ ":" port ] by its characters (RFC 3986 section 3.2.2). The comma, which the grammar
// allows, is refused: it is what two joined Host fields look like.
bool valid_host(std::string_view host) {
  size_t colon = std::string_view::npos;
  if (host.starts_with('[')) {
    const size_t close = host.find(']');
    if (close == std::string_view::npos || close == 1) return false;
    if (host.substr(1, close - 1).find_first_not_of("0123456789abcdefABCDEF:.") !=
        std::string_view::npos) {
      return false;
    }
    if (close + 1 < host.size()) {
      if (host[close + 1] != ':') return false;
      colon = close + 1;
    }
  } else {
    for (size_t i = 0; i < host.size(); ++i) {
      const char c = host[i];
      if (c == ':') {
        colon = i;
        break;
      }
      const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (!alnum && std::string_view("-._~%!$&'()*+;=").find(c) == std::string_view::npos)
        return false;
    }
  }
  if (colon == std::string_view::npos) return true;
  return colon > 0 && host.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
}

// What the fields say about the message's borders and its connection.
struct Gathered {
  size_t hosts = 0;
  size_t lengths = 0;
  size_t codings = 0;
  bool lengths_differ = false;
  bool close = false;
  bool stay = false;
  bool expect_continue = false;
  uint64_t length = 0;
};

std::string_view gather(const Field& field, Gathered& seen) {
  switch (field.name.size()) {
    case 4:
      if (!iequals(field.name, "host")) break;
      if (++seen.hosts > 1) return "two Host fields";
      if (!valid_host(field.value)) return "invalid Host";
      break;
    case 6:
      if (iequals(field.name, "expect") && iequals(field.value, "100-continue"))
        seen.expect_continue = true;
      break;
    case 10:
      if (!iequals(field.name, "connection")) break;
      for_each_in_list(field.value, [&](std::string_view token) {
        if (iequals(token, "close")) seen.close = true;
        if (iequals(token, "keep-alive")) seen.stay = true;
      });
      break;
    case 14: {
      if (!iequals(field.name, "content-length")) break;
      const auto length = parse_u64(field.value);
      if (!length || *length > kMaxLength) return "invalid Content-Length";
      if (seen.lengths++ > 0 && *length != seen.length) seen.lengths_differ = true;
      seen.length = *length;
      break;
    }
    case 17:
      if (!iequals(field.name, "transfer-encoding")) break;
      if (++seen.codings > 1) return "two Transfer-Encoding fields";
      if (!iequals(field.value, "chunked")) return "transfer coding other than chunked";
      break;
    default:
      break;
  }
  return {};
}

HeadResult parse_fields(std::string_view rest, const HeadLimits& limits, Fields& fields,
                        Gathered& seen) {
  for (;;) {
    const std::string_view line = take_line(rest);
    if (line.empty()) return {};
    if (fields.size() == limits.max_fields) return bad(431, "too many fields");
    if (line[0] == ' ' || line[0] == '\t') return bad(400, "folded field line");
    const size_t name = token_length(line);
    if (name == line.size()) return bad(400, "field line without a colon");
    if (line[name] != ':') {
      const bool space = line[name] == ' ' || line[name] == '\t';
      return bad(400, space ? "space in or behind a field name" : "invalid field name");
    }
    if (name == 0) return bad(400, "empty field name");
    const Field field{line.substr(0, name), trim(line.substr(name + 1))};
    if (const auto reason = gather(field, seen); !reason.empty()) return bad(400, reason);
    fields.add(field.name, field.value);
  }
}

bool stays_open(int minor_version, const Gathered& seen) {
  return !seen.close && (minor_version == 1 || seen.stay);
}

bool printable_ascii(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c == 0x7f) return false;  // char is signed: 0x80 and above are below 0
  }
  return true;
}
static_assert(static_cast<char>(0x80) < 0);

}  // namespace

std::string_view Fields::get(std::string_view name) const {
  for (const Field& field : fields_) {
    if (iequals(field.name, name)) return field.value;
  }
  return {};
}

bool Fields::has(std::string_view name) const {
  for (const Field& field : fields_) {
    if (iequals(field.name, name)) return true;
  }
  return false;
}

size_t Fields::count(std::string_view name) const {
  size_t found = 0;
  for (const Field& field : fields_) found += iequals(field.name, name) ? 1 : 0;
  return found;
}

bool Fields::has_token(std::string_view name, std::string_view token) const {
  bool found = false;
  for (const Field& field : fields_) {
    if (!iequals(field.name, name)) continue;
    for_each_in_list(field.value,
                     [&](std::string_view element) { found |= iequals(element, token); });
  }
  return found;
}

std::string_view RequestHead::query() const {
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

HeadResult parse_request_head(std::string_view bytes, size_t& scanned, const HeadLimits& limits,
                              RequestHead& head) {
  const size_t start = bytes.starts_with("\r\n") ? 2 : 0;
  HeadResult result = find_end(bytes, start, scanned, limits, 414);
  if (result.state != HeadState::kDone) return result;

  std::string_view rest = bytes.substr(start, result.consumed - start);
  const std::string_view line = take_line(rest);
  const size_t method_end = token_length(line);
  if (method_end == 0 || method_end == line.size() || line[method_end] != ' ')
    return bad(400, "malformed request line");
  const size_t target_end = line.find(' ', method_end + 1);
  if (target_end == std::string_view::npos) return bad(400, "malformed request line");

  head.fields.clear();
  head.method = line.substr(0, method_end);
  head.target = line.substr(method_end + 1, target_end - method_end - 1);
  head.minor_version = parse_version(line.substr(target_end + 1));
  if (head.minor_version == -1) return bad(400, "malformed request line");
  if (head.minor_version == -2) return bad(505, "HTTP version other than 1.0 and 1.1");
  if (head.method == "CONNECT") return bad(501, "CONNECT is not supported");
  const bool asterisk = head.target == "*" && head.method == "OPTIONS";
  if (!head.target.starts_with('/') && !asterisk)
    return bad(400, "request target not in origin form");
  if (!printable_ascii(head.target) || head.target.find('#') != std::string_view::npos)
    return bad(400, "invalid character in the request target");

  Gathered seen;
  const HeadResult fields = parse_fields(rest, limits, head.fields, seen);
  if (fields.state == HeadState::kBad) return fields;
  if (seen.hosts == 0 && head.minor_version == 1) return bad(400, "no Host field");
  if (seen.lengths > 1) return bad(400, "two Content-Length fields");
  if (seen.codings > 0 && seen.lengths > 0)
    return bad(400, "both Content-Length and Transfer-Encoding");
  if (seen.codings > 0 && head.minor_version == 0) return bad(400, "chunked body in HTTP/1.0");

  head.content_length = seen.length;
  head.framing = Framing::kNone;
  if (seen.codings > 0) head.framing = Framing::kChunked;
  if (seen.lengths > 0) head.framing = Framing::kSized;
  head.keep_alive = stays_open(head.minor_version, seen);
  // RFC 9110 section 10.1.1: the expectation of an HTTP/1.0 client is ignored.
  head.expect_continue = seen.expect_continue && head.minor_version == 1;
  return result;
}

HeadResult parse_response_head(std::string_view bytes, size_t& scanned, const HeadLimits& limits,
                               std::string_view request_method, ResponseHead& head) {
  HeadResult result = find_end(bytes, 0, scanned, limits, 431);
  if (result.state != HeadState::kDone) return result;

  std::string_view rest = bytes.substr(0, result.consumed);
  const std::string_view line = take_line(rest);
  head.fields.clear();
  head.minor_version = parse_version(line.substr(0, 8));
  if (head.minor_version == -1) return bad(400, "malformed status line");
  if (head.minor_version == -2) return bad(505, "HTTP version other than 1.0 and 1.1");
  // Some servers leave out the reason phrase together with the space before it.
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' '))
    return bad(400, "malformed status line");
  head.status = 0;
  for (const char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return bad(400, "malformed status");
    head.status = head.status * 10 + (c - '0');
  }
  if (head.status < 100 || head.status > 599) return bad(400, "status out of range");

  Gathered seen;
  const HeadResult fields = parse_fields(rest, limits, head.fields, seen);
  if (fields.state == HeadState::kBad) return fields;
  if (seen.lengths_differ) return bad(400, "different Content-Length fields");
  if (seen.codings > 0 && seen.lengths > 0)
    return bad(400, "both Content-Length and Transfer-Encoding");
  if (seen.codings > 0 && head.minor_version == 0) return bad(400, "chunked body in HTTP/1.0");

  head.content_length = 0;
  head.keep_alive = stays_open(head.minor_version, seen);
  const bool bodiless_status = head.status < 200 || head.status == 204;
  if (bodiless_status || head.status == 304 || request_method == "HEAD" ||
      (request_method == "CONNECT" && head.status < 300)) {
    head.framing = Framing::kNone;
    // Such a server may send the body it announces; it must not be taken for the next answer.
    if (bodiless_status && (seen.codings > 0 || seen.length > 0)) head.keep_alive = false;
  } else if (seen.codings > 0) {
    head.framing = Framing::kChunked;
  } else if (seen.lengths > 0) {
    head.framing = Framing::kSized;
    head.content_length = seen.length;
  } else {
    head.framing = Framing::kUntilClose;
    head.keep_alive = false;
  }
  return result;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 529:
      return "Overloaded";
    default:
      return "Unknown";
  }
}

bool is_hop_by_hop(std::string_view name, const Fields& fields) {
  // The Proxy-* credentials are for this hop too: RFC 9110 section 11.7.
  for (const std::string_view known :
       {"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
        "te", "trailer", "transfer-encoding", "upgrade"}) {
    if (iequals(name, known)) return true;
  }
  return fields.has_token("connection", name);
}

}  // namespace sluice::http
