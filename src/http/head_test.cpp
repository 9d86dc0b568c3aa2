#include "http/head.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace sluice::http {
namespace {

using ::testing::HasSubstr;

HeadResult parse_request(std::string_view bytes, RequestHead& head, HeadLimits limits = {}) {
  size_t scanned = 0;
  return parse_request_head(bytes, scanned, limits, head);
}

void expect_refused(std::string_view bytes, int status, std::string_view reason) {
  RequestHead head;
  const HeadResult result = parse_request(bytes, head);
  ASSERT_EQ(result.state, HeadState::kBad) << bytes;
  EXPECT_EQ(result.error.status, status) << bytes;
  EXPECT_THAT(std::string(result.error.reason), HasSubstr(std::string(reason))) << bytes;
}

// A POST to /x of HTTP/1.1 with a Host and these field lines.
std::string post(std::string_view lines) {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

void expect_fields_refused(std::string_view lines, std::string_view reason) {
  expect_refused(post(lines), 400, reason);
}

TEST(RequestHead, ReadsEveryPart) {
  const std::string bytes =
      "POST /v1/chat/completions?a=b&c=d HTTP/1.1\r\n"
      "Host: gateway.example:8080\r\n"
      "Authorization:Bearer k\r\n"
      "X-Empty:\r\n"
      "X-Tab:\t a\tb \t\r\n"
      "content-LENGTH: 17\r\n"
      "\r\n"
      "behind";
  RequestHead head;
  const HeadResult result = parse_request(bytes, head);
  ASSERT_EQ(result.state, HeadState::kDone) << result.error.reason;
  EXPECT_EQ(bytes.substr(result.consumed), "behind");
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/chat/completions?a=b&c=d");
  EXPECT_EQ(head.path(), "/v1/chat/completions");
  EXPECT_EQ(head.query(), "a=b&c=d");
  EXPECT_EQ(head.minor_version, 1);
  EXPECT_EQ(head.fields.size(), 5u);
  EXPECT_EQ(head.fields.get("AUTHORIZATION"), "Bearer k");
  EXPECT_TRUE(head.fields.has("x-empty"));
  EXPECT_EQ(head.fields.get("x-empty"), "");
  EXPECT_EQ(head.fields.get("x-tab"), "a\tb");
  EXPECT_EQ(head.framing, Framing::kSized);
  EXPECT_EQ(head.content_length, 17u);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue);
}

TEST(RequestHead, IsNotChangedByWhatWasParsedBefore) {
  RequestHead head;
  ASSERT_EQ(parse_request("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                          "Expect: 100-continue\r\nConnection: close\r\n\r\n",
                          head)
                .state,
            HeadState::kDone);
  ASSERT_EQ(parse_request("GET /b HTTP/1.1\r\nHost: b\r\n\r\n", head).state, HeadState::kDone);
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.fields.size(), 1u);
  EXPECT_EQ(head.framing, Framing::kNone);
  EXPECT_EQ(head.content_length, 0u);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue);
}

TEST(RequestHead, WaitsForTheBlankLine) {
  RequestHead head;
  EXPECT_EQ(parse_request("", head).state, HeadState::kNeedMore);
  EXPECT_EQ(parse_request("GET / HTTP/1.1\r\nHost: a\r\n", head).state, HeadState::kNeedMore);
  EXPECT_EQ(parse_request("GET / HTTP/1.1\r\nHost: a\r\n\r", head).state, HeadState::kNeedMore);
}

TEST(RequestHead, SkipsOneLeadingBlankLineAndNoMore) {
  RequestHead head;
  const std::string bytes = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const HeadResult result = parse_request(bytes, head);
  ASSERT_EQ(result.state, HeadState::kDone);
  EXPECT_EQ(result.consumed, bytes.size());
  expect_refused("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "empty first line");
}

TEST(RequestHead, ReadsChunkedFraming) {
  RequestHead head;
  ASSERT_EQ(parse_request(post("Transfer-Encoding: Chunked\r\n"), head).state, HeadState::kDone);
  EXPECT_EQ(head.framing, Framing::kChunked);
}

TEST(RequestHead, HasNoBodyWithoutALength) {
  RequestHead head;
  ASSERT_EQ(parse_request(post(""), head).state, HeadState::kDone);
  EXPECT_EQ(head.framing, Framing::kNone);
}

TEST(RequestHead, KeepsTheConnectionAsVersionAndConnectionFieldSay) {
  RequestHead head;
  ASSERT_EQ(parse_request(post("Connection: foo, Close\r\n"), head).state, HeadState::kDone);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(parse_request("GET / HTTP/1.0\r\n\r\n", head).state, HeadState::kDone);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_EQ(head.minor_version, 0);
  ASSERT_EQ(parse_request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", head).state,
            HeadState::kDone);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(
      parse_request("GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", head)
          .state,
      HeadState::kDone);
  EXPECT_FALSE(head.keep_alive);
}

TEST(RequestHead, SeesTheWishForAContinue) {
  RequestHead head;
  ASSERT_EQ(parse_request(post("Expect: 100-Continue\r\nContent-Length: 1\r\n"), head).state,
            HeadState::kDone);
  EXPECT_TRUE(head.expect_continue);
  ASSERT_EQ(parse_request("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", head).state,
            HeadState::kDone);
  EXPECT_FALSE(head.expect_continue);
}

TEST(RequestHead, RefusesContentLengthWithTransferEncoding) {
  expect_fields_refused("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "both");
  expect_fields_refused("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "both");
}

TEST(RequestHead, RefusesTwoContentLengths) {
  expect_fields_refused("Content-Length: 5\r\nContent-Length: 6\r\n", "two Content-Length");
  expect_fields_refused("Content-Length: 5\r\nContent-Length: 5\r\n", "two Content-Length");
}

TEST(RequestHead, RefusesAListOfContentLengths) {
  expect_fields_refused("Content-Length: 5, 5\r\n", "invalid Content-Length");
  expect_fields_refused("Content-Length: 5,6\r\n", "invalid Content-Length");
}

TEST(RequestHead, RefusesAContentLengthThatIsNoNumber) {
  for (const char* value :
       {"", "+5", "-5", "0x5", "5 5", "5a", "a", "5.0", "\"5\"", "5;", "\xb2"}) {
    expect_fields_refused("Content-Length: " + std::string(value) + "\r\n",
                          "invalid Content-Length");
  }
}

TEST(RequestHead, RefusesAnOverflowingContentLength) {
  expect_fields_refused("Content-Length: 9223372036854775808\r\n", "invalid Content-Length");
  expect_fields_refused("Content-Length: 18446744073709551617\r\n", "invalid Content-Length");
  RequestHead head;
  ASSERT_EQ(parse_request(post("Content-Length: 9223372036854775807\r\n"), head).state,
            HeadState::kDone);
  EXPECT_EQ(head.content_length, 9223372036854775807u);
}

TEST(RequestHead, RefusesEveryTransferCodingButChunked) {
  for (const char* value :
       {"", "xchunked", "chunkedx", "chunked, identity", "identity, chunked", "gzip, chunked",
        "chunked, chunked", "identity", "gzip", "chunked;q=1", "\"chunked\"", "chunked,",
        "\x0b"
        "chunked"}) {
    RequestHead head;
    EXPECT_EQ(parse_request(post("Transfer-Encoding: " + std::string(value) + "\r\n"), head).state,
              HeadState::kBad)
        << value;
  }
}

TEST(RequestHead, RefusesTwoTransferEncodings) {
  expect_fields_refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                        "two Transfer-Encoding");
  expect_fields_refused("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                        "two Transfer-Encoding");
}

TEST(RequestHead, RefusesChunkedInHttp10) {
  expect_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.0");
}

TEST(RequestHead, RefusesObsoleteFolding) {
  expect_fields_refused("X-A: b\r\n c\r\n", "folded");
  expect_fields_refused("X-A: b\r\n\tc\r\n", "folded");
  expect_refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "folded");
}

TEST(RequestHead, RefusesBareLfAtOnce) {
  expect_refused("GET / HTTP/1.1\n", 400, "bare LF");
  expect_refused("GET / HTTP/1.1\r\nHost: a\n", 400, "bare LF");
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "bare LF");
  expect_refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bare LF");
}

TEST(RequestHead, RefusesBareCrAtOnce) {
  expect_refused("GET / HTTP/1.1\rHo", 400, "bare CR");
  expect_refused("GET / HTTP/1.1\r\nX-A: b\rTransfer-Encoding: chunked", 400, "bare CR");
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\r\n", 400, "bare CR");
}

TEST(RequestHead, RefusesControlCharacters) {
  for (int c = 0; c < 0x80; ++c) {
    if ((c >= 0x20 && c != 0x7f) || c == '\t') continue;
    for (int before = 0; before < 9; ++before) {  // every place in a machine word
      std::string lines = "X-A: " + std::string(static_cast<size_t>(before), 'v');
      lines += static_cast<char>(c);
      lines += "w\r\n";
      RequestHead head;
      EXPECT_EQ(parse_request(post(lines), head).state, HeadState::kBad) << c << ' ' << before;
    }
  }
  expect_fields_refused(std::string_view("X-A: b\0c\r\n", 10), "control character");
}

TEST(RequestHead, KeepsBytesBeyondAsciiInValues) {
  RequestHead head;
  std::string every;
  for (int c = 0x80; c < 0x100; ++c) every += static_cast<char>(c);
  const std::string bytes = post("X-A: " + every + "\r\n");
  ASSERT_EQ(parse_request(bytes, head).state, HeadState::kDone);
  EXPECT_EQ(head.fields.get("x-a"), every);
}

TEST(RequestHead, RefusesASpaceBeforeTheColon) {
  expect_fields_refused("Content-Length : 5\r\n", "space");
  expect_fields_refused("X-A\t: 5\r\n", "space");
  expect_fields_refused("X A: 5\r\n", "space");
}

TEST(RequestHead, RefusesBadFieldNames) {
  expect_fields_refused(": value\r\n", "empty field name");
  expect_fields_refused("no colon\r\n", "space");
  expect_fields_refused("nocolon\r\n", "without a colon");
  for (const char c : std::string_view("\"(),/;<=>?@[\\]{}\x80\xff")) {
    expect_fields_refused("X" + std::string(1, c) + "A: b\r\n", "invalid field name");
  }
}

TEST(RequestHead, RefusesAMissingHost) {
  expect_refused("GET / HTTP/1.1\r\n\r\n", 400, "no Host");
  expect_refused("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", 400, "no Host");
}

TEST(RequestHead, RefusesTwoHosts) {
  expect_fields_refused("Host: a\r\n", "two Host");
  expect_fields_refused("HOST: b\r\n", "two Host");
  expect_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400, "two Host");
}

TEST(RequestHead, RefusesInvalidHosts) {
  for (const char* host : {"a b",    "a/b",   "a?b",     "a#b",     "u@a",       "a,b",     "a\\b",
                           "a\"b",   "<a>",   "a:b",     "a:80:80", ":80",       "[::1",    "[]",
                           "[::1]x", "[::g]", "[::1]:x", "::1",     "a\xc3\xa4", "http://a"}) {
    expect_refused("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", 400,
                   "invalid Host");
  }
}

TEST(RequestHead, AcceptsValidHosts) {
  for (const char* host : {"a", "a.example", "127.0.0.1:80", "[::1]", "[fe80::1]:8080", "a:", "",
                           "xn--bcher-kva.example", "a_b", "%41"}) {
    RequestHead head;
    EXPECT_EQ(
        parse_request("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n", head).state,
        HeadState::kDone)
        << host;
  }
}

TEST(RequestHead, RefusesOtherVersions) {
  for (const char* version :
       {"HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/1.9", "HTTP/3.0", "HTTP/9.1"}) {
    expect_refused("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n", 505, "version");
  }
  expect_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version");
}

TEST(RequestHead, RefusesMalformedRequestLines) {
  for (const char* line :
       {"GET / http/1.1", "GET / HTTP/1.1 ", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET /",
        " GET / HTTP/1.1", "GET", "GET ", "GET / HTTP/11", "GET / HTTP/1,1", "GET / HTTP/1.10",
        "GET / HTTP/ 1.1", "GET / x HTTP/1.1", "GET /\tHTTP/1.1", "G(T / HTTP/1.1",
        "GET / HTTPS/1.1", "GET HTTP/1.1", "GET / HTTP/1.x"}) {
    expect_refused(std::string(line) + "\r\nHost: a\r\n\r\n", 400, "malformed request line");
  }
}

TEST(RequestHead, RefusesTargetsNotInOriginForm) {
  for (const char* target : {"http://a/x", "https://a/x", "a", "a:443", "*x", "*", "?x", "\\x"}) {
    expect_refused("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n", 400,
                   "origin form");
  }
  RequestHead head;
  EXPECT_EQ(parse_request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", head).state, HeadState::kDone);
  EXPECT_EQ(head.target, "*");
}

TEST(RequestHead, RefusesInvalidCharactersInTheTarget) {
  for (const char* target : {"/a#b", "/\xc3\xa4", "/a\tb"}) {
    expect_refused("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n", 400,
                   "invalid character");
  }
}

TEST(RequestHead, RefusesConnect) {
  expect_refused("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501, "CONNECT");
}

TEST(RequestHead, RefusesATooLongTarget) {
  RequestHead head;
  const HeadResult result =
      parse_request("GET /" + std::string(1000, 'a'), head, {.max_bytes = 1000, .max_fields = 10});
  ASSERT_EQ(result.state, HeadState::kBad);
  EXPECT_EQ(result.error.status, 414);
}

TEST(RequestHead, RefusesATooLongHeadAsSoonAsItIs) {
  const HeadLimits limits{.max_bytes = 1000, .max_fields = 10};
  std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nX-A: ";
  bytes.resize(999, 'a');
  RequestHead head;
  EXPECT_EQ(parse_request(bytes, head, limits).state, HeadState::kNeedMore);
  const HeadResult result = parse_request(bytes + "a", head, limits);
  ASSERT_EQ(result.state, HeadState::kBad);
  EXPECT_EQ(result.error.status, 431);
  // Exactly as long as allowed.
  const std::string fits = bytes.substr(0, 996) + "\r\n\r\n";
  EXPECT_EQ(parse_request(fits + "body", head, limits).state, HeadState::kDone);
  EXPECT_EQ(parse_request(bytes.substr(0, 997) + "\r\n\r\n", head, limits).error.status, 431);
}

TEST(RequestHead, RefusesTooManyFields) {
  std::string lines;
  for (int i = 0; i < 9; ++i) lines += "X: y\r\n";
  RequestHead head;
  const HeadLimits limits{.max_bytes = 1000, .max_fields = 10};
  EXPECT_EQ(parse_request(post(lines), head, limits).state, HeadState::kDone);
  const HeadResult result = parse_request(post(lines + "X: y\r\n"), head, limits);
  ASSERT_EQ(result.state, HeadState::kBad);
  EXPECT_EQ(result.error.status, 431);
}

TEST(RequestHead, ScansEveryByteOnceHoweverItArrives) {
  // A head of 60 KB byte by byte: 1.8 billion byte visits if each call began anew.
  const std::string bytes = post("X-A: " + std::string(60000, 'a') + "\r\n");
  size_t scanned = 0;
  RequestHead head;
  for (size_t n = 1; n < bytes.size(); ++n) {
    const std::string_view part(bytes.data(), n);
    ASSERT_EQ(parse_request_head(part, scanned, {}, head).state, HeadState::kNeedMore);
    ASSERT_GE(scanned + 1, n);
  }
  EXPECT_EQ(parse_request_head(bytes, scanned, {}, head).state, HeadState::kDone);
}

// Everything a parse tells, as text.
std::string describe(const HeadResult& result, const RequestHead& head) {
  if (result.state == HeadState::kBad)
    return fmt::format("bad {} {}", result.error.status, result.error.reason);
  std::string text = fmt::format("{} {} {} {} {} {} {} {}", result.consumed, head.method,
                                 head.target, head.minor_version, static_cast<int>(head.framing),
                                 head.content_length, head.keep_alive, head.expect_continue);
  for (const Field& field : head.fields) text += fmt::format("|{}={}", field.name, field.value);
  return text;
}

// Feeds the bytes in pieces that end at `cuts`, until there is a result.
std::string parse_in_pieces(std::string_view bytes, const std::vector<size_t>& cuts) {
  size_t scanned = 0;
  RequestHead head;
  for (const size_t cut : cuts) {
    // A buffer of exactly that size, so that a sanitizer sees reads beyond it.
    const std::vector<char> buffer(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(cut));
    const HeadResult result = parse_request_head({buffer.data(), buffer.size()}, scanned, {}, head);
    if (result.state != HeadState::kNeedMore) return describe(result, head);
  }
  return "need more";
}

TEST(RequestHead, IsTheSameForEverySplit) {
  std::vector<std::string> samples = {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\nPOST /v1/messages?beta=true HTTP/1.1\r\nHost: a:80\r\nX-Api-Key: k\r\n"
      "Content-Length: 12\r\nExpect: 100-continue\r\n\r\nhello world!",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
      "\r\r\n",
      "nonsense\r\n\r\n",
      "GET / HTTP/1.1\r\nX: " + std::string(200, 'a') + "\x01",
  };
  std::minstd_rand random(7);
  for (const std::string& sample : samples) {
    const std::string whole = parse_in_pieces(sample, {sample.size()});
    std::vector<size_t> every;
    for (size_t cut = 0; cut <= sample.size(); ++cut) {
      every.push_back(cut);
      EXPECT_EQ(parse_in_pieces(sample, {cut, sample.size()}), whole) << cut << ' ' << sample;
    }
    EXPECT_EQ(parse_in_pieces(sample, every), whole) << sample;
    for (int round = 0; round < 50; ++round) {
      std::vector<size_t> cuts;
      for (size_t cut = 0; cut < sample.size(); cut += 1 + random() % 20) cuts.push_back(cut);
      cuts.push_back(sample.size());
      EXPECT_EQ(parse_in_pieces(sample, cuts), whole) << sample;
    }
  }
}

}  // namespace
}  // namespace sluice::http
