#include "base/cidr.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

IpAddress ip(std::string_view text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(IpAddress{});
}

bool in(std::string_view network, std::string_view address) {
  const Result<Cidr> cidr = Cidr::parse(network);
  EXPECT_TRUE(cidr) << network;
  return cidr && cidr->contains(ip(address));
}

TEST(IpAddress, AMappedIpv4AddressIsTheIpv4Address) {
  EXPECT_EQ(ip("::ffff:10.1.2.3"), ip("10.1.2.3"));
  EXPECT_EQ(ip("::ffff:a01:203"), ip("10.1.2.3"));
  EXPECT_EQ(ip("[::ffff:10.1.2.3]").to_string(), "10.1.2.3");
  EXPECT_EQ(ip("2001:DB8:0::1").to_string(), "2001:db8::1");
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const std::string_view bad :
       {"", "10.1.2", "10.1.2.3.4", "010.1.2.3", "256.1.2.3", "10.1.2.3 ", "localhost",
        "[10.1.2.3]", "[::1", "::1]", "[]", "fe80::1%eth0", ":::", "1.2.3.4:80",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"}) {
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0.evil", 14)));
}

TEST(IpAddress, TakesThePortsThatProxiesAppend) {
  EXPECT_EQ(IpAddress::parse_with_port("10.1.2.3:4711"), ip("10.1.2.3"));
  EXPECT_EQ(IpAddress::parse_with_port("[2001:db8::1]:443"), ip("2001:db8::1"));
  EXPECT_EQ(IpAddress::parse_with_port("[2001:db8::1]"), ip("2001:db8::1"));
  EXPECT_EQ(IpAddress::parse_with_port("2001:db8::1"), ip("2001:db8::1"));
  EXPECT_FALSE(IpAddress::parse_with_port("10.1.2.3:99999"));
  EXPECT_FALSE(IpAddress::parse_with_port("10.1.2.3:"));
  EXPECT_FALSE(IpAddress::parse_with_port("[::1]x"));
}

TEST(Cidr, HoldsTheNetworkAndNothingElse) {
  EXPECT_TRUE(in("10.0.0.0/8", "10.255.255.255"));
  EXPECT_FALSE(in("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(in("192.168.1.128/25", "192.168.1.200"));
  EXPECT_FALSE(in("192.168.1.128/25", "192.168.1.127"));
  EXPECT_TRUE(in("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(in("2001:db8::/33", "2001:db8:8000::1"));
}

TEST(Cidr, AnAddressAloneIsItself) {
  EXPECT_TRUE(in("10.1.2.3", "10.1.2.3"));
  EXPECT_FALSE(in("10.1.2.3", "10.1.2.2"));
  EXPECT_TRUE(in("::1", "::1"));
  EXPECT_FALSE(in("::1", "::2"));
}

TEST(Cidr, ZeroBitsHoldAllOfTheirOwnFamily) {
  EXPECT_TRUE(in("0.0.0.0/0", "203.0.113.9"));
  EXPECT_FALSE(in("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(in("::/0", "2001:db8::1"));
  EXPECT_FALSE(in("::/0", "203.0.113.9"));
}

TEST(Cidr, ANetworkOfMappedAddressesHoldsIpv4) {
  EXPECT_TRUE(in("::ffff:10.0.0.0/104", "10.9.9.9"));
  EXPECT_FALSE(in("::ffff:10.0.0.0/104", "11.0.0.0"));
  EXPECT_TRUE(in("10.0.0.0/8", "::ffff:10.9.9.9"));
  EXPECT_TRUE(in("::ffff:0.0.0.0/96", "203.0.113.9"));
  EXPECT_FALSE(Cidr::parse("::ffff:10.0.0.0/95"));
}

TEST(Cidr, IgnoresBitsBeyondThePrefix) {
  EXPECT_TRUE(in("10.1.2.3/8", "10.200.0.1"));
  EXPECT_EQ(Cidr::parse("10.1.2.3/9")->to_string(), "10.0.0.0/9");
  EXPECT_EQ(Cidr::parse("10.255.0.0/9")->to_string(), "10.128.0.0/9");
}

TEST(Cidr, RefusesWhatIsNoNetwork) {
  for (const std::string_view bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129",
                                     "10.0.0.0/8/8", "10.0.0.0/8 ", "10/8", "10.0.0.0/0x8"}) {
    const Result<Cidr> cidr = Cidr::parse(bad);
    ASSERT_FALSE(cidr) << bad;
    EXPECT_EQ(cidr.error().code, ErrorCode::kConfig);
  }
  const std::string list[] = {"10.0.0.0/8", "nonsense"};
  EXPECT_NE(parse_cidrs(list).error().message.find("nonsense"), std::string::npos);
}

}  // namespace
}  // namespace sluice
