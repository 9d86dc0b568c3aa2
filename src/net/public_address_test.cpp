#include "net/public_address.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace sluice::net {
namespace {

bool publicly(std::string_view text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address && is_public(*address);
}

TEST(PublicAddress, TakesWhatIsInTheInternet) {
  for (const std::string_view good : {"1.1.1.1",
                                      "8.8.8.8",
                                      "9.255.255.255",
                                      "11.0.0.0",
                                      "100.63.255.255",
                                      "100.128.0.0",
                                      "126.255.255.255",
                                      "128.0.0.0",
                                      "169.253.255.255",
                                      "169.255.0.0",
                                      "172.15.255.255",
                                      "172.32.0.0",
                                      "191.255.255.255",
                                      "192.0.1.0",
                                      "192.0.3.0",
                                      "192.88.98.255",
                                      "192.88.100.0",
                                      "192.167.255.255",
                                      "192.169.0.0",
                                      "198.17.255.255",
                                      "198.20.0.0",
                                      "198.51.99.255",
                                      "198.51.101.0",
                                      "203.0.112.255",
                                      "203.0.114.0",
                                      "223.255.255.255",
                                      "::ffff:8.8.8.8",
                                      "2000::1",
                                      "2606:4700:4700::1111",
                                      "2a00:1450:4001:80b::200e",
                                      "2001:200::1",
                                      "2001:db7:ffff::1",
                                      "2001:db9::1",
                                      "3ffe::1"}) {
    EXPECT_TRUE(publicly(good)) << good;
  }
}

TEST(PublicAddress, RefusesEverySpecialNetworkToItsLastAddress) {
  for (const std::string_view bad :
       {"0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255",
        "100.64.0.0",      "100.127.255.255", "127.0.0.0",       "127.0.0.1",
        "127.255.255.255", "169.254.0.0",     "169.254.169.254", "169.254.255.255",
        "172.16.0.0",      "172.31.255.255",  "192.0.0.0",       "192.0.0.170",
        "192.0.0.255",     "192.0.2.0",       "192.0.2.255",     "192.88.99.0",
        "192.88.99.255",   "192.168.0.0",     "192.168.255.255", "198.18.0.0",
        "198.19.255.255",  "198.51.100.0",    "198.51.100.255",  "203.0.113.0",
        "203.0.113.255",   "224.0.0.0",       "239.255.255.255", "240.0.0.0",
        "255.255.255.254", "255.255.255.255"}) {
    EXPECT_FALSE(publicly(bad)) << bad;
    EXPECT_FALSE(publicly("::ffff:" + std::string(bad))) << bad << ", mapped";
    EXPECT_FALSE(publicly("64:ff9b::" + std::string(bad))) << bad << ", by NAT64";
    EXPECT_FALSE(publicly("::" + std::string(bad))) << bad << ", compatible";
  }
  for (const std::string_view bad : {"::",
                                     "::1",
                                     "100::1",
                                     "fc00::1",
                                     "fd00:ec2::254",
                                     "fdff:ffff::1",
                                     "fe80::1",
                                     "febf::1",
                                     "fec0::1",
                                     "ff02::1",
                                     "ffff::1",
                                     "2001:db8::1",
                                     "2001:db8:ffff:ffff::1",
                                     "3fff::1",
                                     "3fff:fff::1",
                                     "2001:2::1",
                                     "2001:20::1",
                                     "2001:1ff::1",
                                     "5f00::1",
                                     "4000::1",
                                     "1fff:ffff::1",
                                     "64:ff9b:1::1",
                                     "64:ff9b:1::8.8.8.8"}) {
    EXPECT_FALSE(publicly(bad)) << bad;
  }
}

TEST(PublicAddress, JudgesATunnelByWhatItCarries) {
  EXPECT_TRUE(publicly("64:ff9b::8.8.8.8"));
  EXPECT_FALSE(publicly("64:ff9b::a9fe:a9fe"));
  EXPECT_TRUE(publicly("2002:0808:0808::1"));
  EXPECT_FALSE(publicly("2002:7f00:1::1"));
  EXPECT_FALSE(publicly("2002:c0a8:101::1"));
  // Teredo: the server after the prefix, the client's bits turned over at the end.
  EXPECT_TRUE(publicly("2001:0:808:808:0:ffff:f7f7:f7f7"));
  EXPECT_FALSE(publicly("2001:0:808:808:0:ffff:80ff:fffe"));  // 127.0.0.1
  EXPECT_FALSE(publicly("2001:0:7f00:1:0:ffff:f7f7:f7f7"));
}

TEST(PublicAddress, NeverTrustsAnIpv4CompatibleAddress) {
  EXPECT_FALSE(publicly("::8.8.8.8"));
  EXPECT_FALSE(publicly("::7f00:1"));
}

}  // namespace
}  // namespace sluice::net
