#include "config/value.hpp"

#include <gtest/gtest.h>

#include "config/testing.hpp"

namespace sluice::config {
namespace {

using namespace std::chrono_literals;

std::string expanded(std::string_view text) {
  const auto result =
      expand(text, environment({{"HOST", "example.com"}, {"EMPTY", ""}, {"TRICK", "${HOST}"}}));
  return result ? *result : "error: " + result.error().message;
}

TEST(Expand, ReplacesNamesAndTakesDefaults) {
  EXPECT_EQ(expanded("plain"), "plain");
  EXPECT_EQ(expanded("https://${HOST}/v1"), "https://example.com/v1");
  EXPECT_EQ(expanded("${HOST}${HOST}"), "example.comexample.com");
  EXPECT_EQ(expanded("${NOPE:-standard}"), "standard");
  EXPECT_EQ(expanded("${EMPTY:-standard}"), "standard");
  EXPECT_EQ(expanded("${EMPTY}"), "");
  EXPECT_EQ(expanded("${NOPE:-}"), "");
  EXPECT_EQ(expanded("${NOPE:-a:-b}"), "a:-b");
}

TEST(Expand, LeavesPlainDollarsAlone) {
  EXPECT_EQ(expanded("5$ and $HOST and $$"), "5$ and $HOST and $$");
  EXPECT_EQ(expanded("$${HOST}"), "${HOST}");
  EXPECT_EQ(expanded("a$"), "a$");
}

TEST(Expand, DoesNotLookAgainAtWhatItPutIn) { EXPECT_EQ(expanded("${TRICK}"), "${HOST}"); }

TEST(Expand, NamesTheVariableThatIsMissing) {
  EXPECT_EQ(expanded("${NOPE}"),
            "error: the environment variable NOPE is not set; set it, or write ${NOPE:-default}");
}

TEST(Expand, RefusesMalformedReferences) {
  for (const char* text : {"${", "${HOST", "${}", "${1A}", "${A B}", "${A-b}", "${:-x}"}) {
    EXPECT_TRUE(expanded(text).starts_with("error: ")) << text;
  }
}

TEST(Expand, RefusesToGrowWithoutBound) {
  const auto result = expand(
      "${A}${A}", [](std::string_view) { return std::optional(std::string(40 << 10, 'x')); });
  EXPECT_FALSE(result);
}

TEST(Integer, IsStrictlyDecimal) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("8080"), 8080);
  EXPECT_EQ(parse_integer("-5"), -5);
  for (const char* text : {"", "-", "010", "0x1F", "1e3", "1_000", "1.0", "+1", " 1", "1 ", "0o7",
                           "99999999999999999999"}) {
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
  }
}

TEST(Number, TakesDecimalsOnly) {
  EXPECT_EQ(parse_number("0.2"), 0.2);
  EXPECT_EQ(parse_number("1000.0"), 1000.0);
  EXPECT_EQ(parse_number("-1"), -1);
  for (const char* text : {"", ".5", "5.", "1e3", ".inf", "nan", "0x1p3", "1,5", "00.5"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(DurationText, TakesTheFormsOfTheDocumentation) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("5s"), 5s);
  EXPECT_EQ(parse_duration("15m"), 15min);
  EXPECT_EQ(parse_duration("24h"), 24h);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(DurationText, RefusesEverythingElse) {
  for (const char* text : {"", "5", "s", "-5s", "5 s", "5S", "1.5s", "5sec", "30m1h", "1s1s", "05s",
                           "999999999999999999h", "100000h", "3650d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(SizeText, TakesBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("1500"), 1500U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("32MiB"), 33554432U);
  EXPECT_EQ(parse_size("1GB"), 1000000000U);
  for (const char* text : {"", "KiB", "1 KiB", "1kib", "-1", "1.5MiB", "1T", "9999999999999GiB"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(TimeText, TakesRfc3339DatesAndUnixSeconds) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("2026-02-28T23:59:59.5Z"), 1772323199);
  EXPECT_EQ(parse_time("2027-01-31T02:00:00+02:00"), 1801353600);
  EXPECT_EQ(parse_time("2027-01-30T22:30:00-01:30"), 1801353600);
  EXPECT_EQ(parse_time("2027-01-31"), 1801353600);
  EXPECT_EQ(parse_time("1801353600"), 1801353600);
  for (const char* text :
       {"", "tomorrow", "2027-02-29", "2027-13-01", "2027-1-1", "2027-01-31T00:00:00",
        "2027-01-31T24:00:00Z", "2027-01-31T00:00Z", "2027-01-31T00:00:00Zx", "2027-01-31T",
        "2027-01-31T00:00:00.Z", "2027-01-31T00:00:00+0200"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

TEST(Network, IsAnAddressWithOrWithoutALength) {
  for (const char* text : {"127.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "fd00::/8", "::/128"}) {
    EXPECT_TRUE(is_network(text)) << text;
  }
  for (const char* text : {"", "localhost", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "/8",
                           "10.0.0.0/-1", "10.0.0.0/08", "1.2.3.4/8/8", "010.0.0.1"}) {
    EXPECT_FALSE(is_network(text)) << text;
  }
}

}  // namespace
}  // namespace sluice::config
