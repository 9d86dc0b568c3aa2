#include "http/web_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::http {
namespace {

using ::testing::HasSubstr;

std::string read(std::string_view text) {
  const auto url = parse_web_url(text);
  return url ? url->to_string() : "refused: " + url.error().message;
}

std::string resolved(std::string_view base, std::string_view reference) {
  const auto url = parse_web_url(base);
  EXPECT_TRUE(url) << base;
  const auto found = resolve_reference(*url, reference);
  return found ? found->to_string() : "refused: " + found.error().message;
}

TEST(WebUrl, KeepsPathAndQueryAndCutsTheFragmentOff) {
  const auto url = parse_web_url("HTTPS://Images.Example.com/a/B.png?x=1&y[]=%20/#part?z");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_TRUE(url->origin.tls);
  EXPECT_EQ(url->origin.host, "images.example.com");
  EXPECT_EQ(url->origin.port, 443);
  EXPECT_EQ(url->target, "/a/B.png?x=1&y[]=%20/");
  EXPECT_EQ(read("http://a#x"), "http://a/");
  EXPECT_EQ(read("http://a?x=/y"), "http://a/?x=/y");
  EXPECT_EQ(read("http://a:8080/dir/"), "http://a:8080/dir/");
}

TEST(WebUrl, EncodesWhatARequestLineCannotHold) {
  EXPECT_EQ(read("http://a/sch\xc3\xb6n bild.png?q=<\">"),
            "http://a/sch%C3%B6n%20bild.png?q=%3C%22%3E");
  EXPECT_EQ(read("http://a/b\\c"), "http://a/b%5Cc");
}

TEST(WebUrl, RefusesWhatCouldMeanAnotherHost) {
  using namespace std::string_literals;
  for (const std::string& text : {
           ""s,
           "a"s,
           "//a/x"s,
           "ftp://a/x"s,
           "file:///etc/passwd"s,
           "gopher://a/x"s,
           "data:image/png;base64,AAAA"s,
           "http:a"s,
           "http:///x"s,
           "http:/x?u=http://a"s,
           "http://user@a/"s,
           "http://user:password@a/"s,
           "http://a@b@c/"s,
           "http://good.example\\@127.0.0.1/"s,
           "http://good.example\\.evil.example/"s,
           "http://a%2eb/"s,
           "http://%31%32%37.0.0.1/"s,
           "http://a b/"s,
           "http://a\t/"s,
           "http://a\r\nhost: b/"s,
           "http://a/\r\nx: y"s,
           "http://a/x\0y"s,
           " http://a/"s,
           "http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/"s,  // digits in circles
           "http://127\xe3\x80\x82"
           "0\xe3\x80\x82"
           "0\xe3\x80\x82"
           "1/"s,
           "http://a:0/"s,
           "http://a:80:80/"s,
           "http://a:99999/"s,
           "http://[::1"s,
           "http://[fe80::1%25eth0]/"s,
           "http://[127.0.0.1]/"s,
           "http://"s + std::string(kMaxWebUrl, 'a'),
       }) {
    EXPECT_THAT(read(text), HasSubstr("refused: invalid URL")) << text;
  }
}

TEST(WebUrl, RefusesEverySpellingOfAnAddressButTheUsualOne) {
  for (const std::string host :
       {"2130706433", "017700000001", "0x7f000001", "0x7F.1", "127.1", "127.0.1", "0177.0.0.1",
        "127.0.0.01", "0x7f.0x0.0x0.0x1", "127.0.0.1.", "1.2.3.4.5", "256.1.1.1", "0", "00", "0x",
        "a.b.0x7", "example.123", "4294967296", "127.0.0.0x1"}) {
    EXPECT_THAT(read("http://" + host + "/"), HasSubstr("four decimal numbers")) << host;
  }
  EXPECT_EQ(read("http://127.0.0.1/"), "http://127.0.0.1/");
  EXPECT_EQ(read("http://[::ffff:127.0.0.1]/"), "http://[::ffff:127.0.0.1]/");
  EXPECT_EQ(read("http://1.2.3.4.example/"), "http://1.2.3.4.example/");
  EXPECT_EQ(read("http://0x7f.example/"), "http://0x7f.example/");
}

TEST(WebUrl, ResolvesReferencesAsTheStandardSays) {
  const std::string_view base = "http://a/b/c/d;p?q";
  // RFC 3986, section 5.4.
  EXPECT_EQ(resolved(base, "g"), "http://a/b/c/g");
  EXPECT_EQ(resolved(base, "./g"), "http://a/b/c/g");
  EXPECT_EQ(resolved(base, "g/"), "http://a/b/c/g/");
  EXPECT_EQ(resolved(base, "/g"), "http://a/g");
  EXPECT_EQ(resolved(base, "//g"), "http://g/");
  EXPECT_EQ(resolved(base, "?y"), "http://a/b/c/d;p?y");
  EXPECT_EQ(resolved(base, "g?y"), "http://a/b/c/g?y");
  EXPECT_EQ(resolved(base, "g#s"), "http://a/b/c/g");
  EXPECT_EQ(resolved(base, "g;x=1/../y"), "http://a/b/c/y");
  EXPECT_EQ(resolved(base, ""), "http://a/b/c/d;p?q");
  EXPECT_EQ(resolved(base, "."), "http://a/b/c/");
  EXPECT_EQ(resolved(base, ".."), "http://a/b/");
  EXPECT_EQ(resolved(base, "../g"), "http://a/b/g");
  EXPECT_EQ(resolved(base, "../../../g"), "http://a/g");
  EXPECT_EQ(resolved(base, "g..?../x"), "http://a/b/c/g..?../x");
  EXPECT_EQ(resolved(base, "https://other.example/x"), "https://other.example/x");
  EXPECT_EQ(resolved("https://a:8443/x", "/y"), "https://a:8443/y");
  EXPECT_EQ(resolved("https://a:8443/x", "//b/y"), "https://b/y");
}

TEST(WebUrl, RefusesReferencesToElsewhere) {
  for (const std::string_view reference :
       {"ftp://a/x", "javascript:x", "http:g", "//user@b/", "//0x7f.1/", "/x\r\ny", "file:/x"}) {
    EXPECT_THAT(resolved("http://a/b", reference), HasSubstr("refused")) << reference;
  }
  // No second slash: a path on the same host.
  EXPECT_EQ(resolved("http://a/b", "/\\evil.example/x"), "http://a/%5Cevil.example/x");
}

}  // namespace
}  // namespace sluice::http
