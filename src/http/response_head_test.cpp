// Response heads, and what both kinds of head share; request heads are in head_test.cpp.
#include <gtest/gtest.h>

#include <string>

#include "http/head.hpp"

namespace sluice::http {
namespace {

HeadResult parse_response(std::string_view bytes, ResponseHead& head,
                          std::string_view method = "POST") {
  size_t scanned = 0;
  return parse_response_head(bytes, scanned, {}, method, head);
}

TEST(ResponseHead, ReadsEveryPart) {
  const std::string bytes =
      "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
      "Content-Length: 2\r\nRetry-After: 7\r\n\r\n{}";
  ResponseHead head;
  const HeadResult result = parse_response(bytes, head);
  ASSERT_EQ(result.state, HeadState::kDone) << result.error.reason;
  EXPECT_EQ(bytes.substr(result.consumed), "{}");
  EXPECT_EQ(head.status, 429);
  EXPECT_EQ(head.fields.get("retry-after"), "7");
  EXPECT_EQ(head.framing, Framing::kSized);
  EXPECT_EQ(head.content_length, 2u);
  EXPECT_TRUE(head.keep_alive);
}

TEST(ResponseHead, NeedsNoReasonPhrase) {
  ResponseHead head;
  for (const char* line : {"HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 \xc3\xa4 b"}) {
    ASSERT_EQ(parse_response(std::string(line) + "\r\nContent-Length: 0\r\n\r\n", head).state,
              HeadState::kDone)
        << line;
    EXPECT_EQ(head.status, 200);
  }
}

TEST(ResponseHead, RefusesMalformedStatusLines) {
  ResponseHead head;
  for (const char* line :
       {"HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 200OK", "HTTP/1.1  200", "HTTP/1.1",
        "http/1.1 200", "HTTP/1.1 2x0 OK", "HTTP/1.1 099", "HTTP/1.1 600", "HTTP/1.1 999",
        "ICY 200 OK", "HTTP/2.0 200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 +20 OK"}) {
    EXPECT_EQ(parse_response(std::string(line) + "\r\n\r\n", head).state, HeadState::kBad) << line;
  }
  EXPECT_EQ(parse_response("\r\nHTTP/1.1 200 OK\r\n\r\n", head).state, HeadState::kBad);
}

TEST(ResponseHead, EndsWithTheConnectionWithoutALength) {
  ResponseHead head;
  ASSERT_EQ(parse_response("HTTP/1.1 200 OK\r\n\r\n", head).state, HeadState::kDone);
  EXPECT_EQ(head.framing, Framing::kUntilClose);
  EXPECT_FALSE(head.keep_alive);
}

TEST(ResponseHead, HasNoBodyWhereHttpForbidsOne) {
  ResponseHead head;
  for (const char* status : {"100", "101", "103", "204", "304"}) {
    ASSERT_EQ(parse_response("HTTP/1.1 " + std::string(status) + " X\r\n\r\n", head).state,
              HeadState::kDone);
    EXPECT_EQ(head.framing, Framing::kNone) << status;
    EXPECT_TRUE(head.keep_alive) << status;
  }
  ASSERT_EQ(parse_response("HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", head).state,
            HeadState::kDone);
  EXPECT_EQ(head.framing, Framing::kNone);
  EXPECT_EQ(head.content_length, 0u);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(parse_response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", head, "HEAD").state,
            HeadState::kDone);
  EXPECT_EQ(head.framing, Framing::kNone);
  ASSERT_EQ(parse_response("HTTP/1.1 200 OK\r\n\r\n", head, "CONNECT").state, HeadState::kDone);
  EXPECT_EQ(head.framing, Framing::kNone);
}

TEST(ResponseHead, DoesNotReuseAConnectionAfterABodyThatMayNotBe) {
  ResponseHead head;
  for (const char* lines : {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"}) {
    ASSERT_EQ(parse_response("HTTP/1.1 204 X\r\n" + std::string(lines) + "\r\n", head).state,
              HeadState::kDone);
    EXPECT_EQ(head.framing, Framing::kNone);
    EXPECT_FALSE(head.keep_alive);
  }
}

TEST(ResponseHead, KeepsTheConnectionAsVersionAndConnectionFieldSay) {
  ResponseHead head;
  ASSERT_EQ(parse_response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", head).state,
            HeadState::kDone);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(
      parse_response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", head)
          .state,
      HeadState::kDone);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(
      parse_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", head)
          .state,
      HeadState::kDone);
  EXPECT_FALSE(head.keep_alive);
}

TEST(ResponseHead, RefusesAmbiguousFraming) {
  ResponseHead head;
  for (const char* lines : {
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
           "Content-Length: 5\r\nContent-Length: 6\r\n",
           "Content-Length: 5, 5\r\n",
           "Content-Length: +5\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: xchunked\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Content-Length : 5\r\n",
           "X: y\r\n Content-Length: 5\r\n",
           "X: y\nContent-Length: 5\r\n",
       }) {
    EXPECT_EQ(parse_response("HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n", head).state,
              HeadState::kBad)
        << lines;
  }
  EXPECT_EQ(parse_response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", head).state,
            HeadState::kBad);
}

TEST(ResponseHead, AcceptsTheSameLengthTwice) {
  ResponseHead head;
  ASSERT_EQ(
      parse_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", head)
          .state,
      HeadState::kDone);
  EXPECT_EQ(head.content_length, 5u);
}

TEST(Fields, CountsAndListsByNameWithoutRegardToCase) {
  Fields fields;
  fields.add("Accept", "a, b");
  fields.add("ACCEPT", " ,C");
  fields.add("x", "");
  EXPECT_EQ(fields.count("accept"), 2u);
  EXPECT_EQ(fields.get("accept"), "a, b");
  EXPECT_TRUE(fields.has_token("accept", "B"));
  EXPECT_TRUE(fields.has_token("accept", "c"));
  EXPECT_FALSE(fields.has_token("accept", "a, b"));
  EXPECT_FALSE(fields.has_token("accept", ""));
  EXPECT_FALSE(fields.has("y"));
  EXPECT_EQ(fields.get("y"), "");
}

TEST(Fields, KnowsWhatConcernsOneConnectionOnly) {
  Fields fields;
  fields.add("Connection", "close, X-Local");
  for (const char* name : {"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding",
                           "Upgrade", "Proxy-Connection", "Proxy-Authorization", "x-local"}) {
    EXPECT_TRUE(is_hop_by_hop(name, fields)) << name;
  }
  for (const char* name : {"Content-Type", "Content-Length", "X-Other", "Close-It"}) {
    EXPECT_FALSE(is_hop_by_hop(name, fields)) << name;
  }
}

TEST(ReasonPhrase, NamesEveryStatusThatIsSent) {
  for (const int status :
       {200, 400, 401, 403, 404, 405, 408, 413, 414, 429, 431, 500, 501, 502, 503, 504, 505, 529}) {
    EXPECT_NE(reason_phrase(status), "Unknown") << status;
  }
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(299), "Unknown");
}

}  // namespace
}  // namespace sluice::http
