#include "http/url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Url, TakesSchemeHostPortAndPath) {
  const auto url = parse_url("https://API.example.com:8443/Base/v1");
  ASSERT_TRUE(url.has_value()) << url.error().message;
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "api.example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->path, "/Base/v1");
  EXPECT_EQ(url->host_header(), "api.example.com:8443");
}

TEST(Url, KnowsTheDefaultPorts) {
  EXPECT_EQ(parse_url("http://a")->port, 80);
  EXPECT_EQ(parse_url("https://a")->port, 443);
  EXPECT_EQ(parse_url("http://a:80")->host_header(), "a");
  EXPECT_EQ(parse_url("https://a:443")->host_header(), "a");
  EXPECT_EQ(parse_url("http://a:443")->host_header(), "a:443");
  EXPECT_EQ(parse_url("https://a:80")->host_header(), "a:80");
}

TEST(Url, HasNoTrailingSlash) {
  EXPECT_EQ(parse_url("http://a/")->path, "");
  EXPECT_EQ(parse_url("http://a/v1/")->path, "/v1");
  EXPECT_EQ(parse_url("http://a/v1//")->path, "/v1");
  EXPECT_EQ(parse_url("HTTP://a/x%20y/@:z")->path, "/x%20y/@:z");
}

TEST(Url, TakesAddresses) {
  EXPECT_EQ(parse_url("http://127.0.0.1:9900")->host, "127.0.0.1");
  const auto url = parse_url("http://[FE80::1]:9900/x");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->host, "fe80::1");
  EXPECT_EQ(url->port, 9900);
  EXPECT_EQ(url->host_header(), "[fe80::1]:9900");
  EXPECT_EQ(parse_url("https://[::1]")->host_header(), "[::1]");
}

TEST(Url, RefusesWhatItCannotMean) {
  using namespace std::string_literals;
  for (const std::string& text : {""s,
                                  "a"s,
                                  "//a"s,
                                  "ftp://a"s,
                                  "http:a"s,
                                  "http:/a"s,
                                  "http://"s,
                                  "http:///x"s,
                                  "http://:80"s,
                                  "http://a:"s,
                                  "http://a:0"s,
                                  "http://a:65536"s,
                                  "http://a:+80"s,
                                  "http://a:8x"s,
                                  "http://a:80:80"s,
                                  "http://u@a"s,
                                  "http://u:p@a"s,
                                  "http://a?x=y"s,
                                  "http://a/?x"s,
                                  "http://a/#x"s,
                                  "http://a#x"s,
                                  "http://a b"s,
                                  "http://a/b c"s,
                                  "http://a\r\nX: y"s,
                                  "http://a/\n"s,
                                  "http://a/\0"s,
                                  "http://a\0"s,
                                  "http://a\\b"s,
                                  "http://a/b\\c"s,
                                  "http://[::1"s,
                                  "http://[]"s,
                                  "http://[::1]x"s,
                                  "http://[::g]"s,
                                  "http://[::1\0]"s,
                                  "http://::1"s,
                                  "http://a..b"s,
                                  "http://.a"s,
                                  "http://a/%zz"s,
                                  "http://a/%4"s,
                                  "http://a/\xc3\xa4"s,
                                  "http://b\xc3\xbc"s,
                                  " http://a"s,
                                  "http://a "s,
                                  "http://a%41"s,
                                  "http://"s + std::string(254, 'a')}) {
    EXPECT_FALSE(parse_url(text).has_value()) << text;
  }
}

TEST(Url, SaysWhatIsWrong) {
  EXPECT_THAT(parse_url("api.openai.com").error().message, HasSubstr("http://"));
  EXPECT_THAT(parse_url("http://me:pw@a").error().message, HasSubstr("user information"));
  EXPECT_THAT(parse_url("http://me:pw@a").error().message, Not(HasSubstr("pw")));
}

TEST(Url, OfARequestHasAQueryToo) {
  const auto path = [](std::string_view text) {
    const auto url = parse_request_url(text);
    return url ? url->path : url.error().message;
  };
  EXPECT_EQ(path("http://h"), "/");
  EXPECT_EQ(path("https://h:1/a/b"), "/a/b");
  EXPECT_EQ(path("https://h/a/"), "/a/");
  EXPECT_EQ(path("https://h/a/?k=v&t=/x?y%20z"), "/a/?k=v&t=/x?y%20z");
  EXPECT_EQ(path("http://h?k=v"), "/?k=v");
  EXPECT_EQ(parse_request_url("http://h?k=v")->host, "h");
  for (const std::string_view bad :
       {"http://h/a?b#c", "http://h/a?b c", "http://h/?%2", "http://u@h/?a", "ftp://h/?a",
        "http://h/a?\r\nx: y", "http://h/a#b?c"}) {
    EXPECT_FALSE(parse_request_url(bad)) << bad;
  }
}

TEST(PercentDecode, Decodes) {
  EXPECT_EQ(percent_decode("a%20b%2Fc+d%c3%a4"), "a b/c+d\xc3\xa4");
  EXPECT_EQ(percent_decode(""), "");
}

TEST(PercentDecode, RefusesBadEscapesAndNul) {
  for (const char* text : {"%", "%2", "%2g", "%g2", "a%", "%%20", "%00", "a%00b"}) {
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
  }
}

TEST(PercentEncode, LeavesOneSegmentThatReadsBackAsItWas) {
  EXPECT_EQ(percent_encode("Az09-._~"), "Az09-._~");
  EXPECT_EQ(percent_encode("a b/c?d&e=f+%\xc3\xa4"), "a%20b%2Fc%3Fd%26e%3Df%2B%25%C3%A4");
  EXPECT_EQ(percent_decode(percent_encode("../\x01\xff'")), "../\x01\xff'");
}

TEST(ParseQuery, TakesPairs) {
  EXPECT_THAT(
      parse_query("limit=50&q=a+b%26c&empty=&flag"),
      ElementsAre(Pair("limit", "50"), Pair("q", "a b&c"), Pair("empty", ""), Pair("flag", "")));
  EXPECT_THAT(parse_query("a=b=c"), ElementsAre(Pair("a", "b=c")));
}

TEST(ParseQuery, SkipsBadPairs) {
  EXPECT_THAT(parse_query(""), IsEmpty());
  EXPECT_THAT(parse_query("&&=x&%zz=1&a=%&b=%00&c=d&"), ElementsAre(Pair("c", "d")));
}

}  // namespace
}  // namespace sluice::http
