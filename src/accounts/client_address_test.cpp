#include "accounts/client_address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice::accounts {
namespace {

IpAddress ip(std::string_view text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(IpAddress{});
}

class ClientAddress : public testing::Test {
 protected:
  static std::string from(std::string_view peer, std::string_view forwarded_for) {
    const std::string trusted[] = {"10.0.0.0/8", "::1"};
    return client_address(ip(peer), forwarded_for, *parse_cidrs(trusted)).to_string();
  }
};

TEST_F(ClientAddress, IsThePeerWhenThePeerIsNoTrustedProxy) {
  EXPECT_EQ(from("203.0.113.9", "198.51.100.1"), "203.0.113.9");
  EXPECT_EQ(client_address(ip("10.0.0.1"), "198.51.100.1", {}).to_string(), "10.0.0.1");
}

TEST_F(ClientAddress, IsTheFirstUntrustedHopFromTheRight) {
  EXPECT_EQ(from("10.0.0.1", "198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(from("10.0.0.1", "198.51.100.1, 10.0.0.2"), "198.51.100.1");
  EXPECT_EQ(from("::ffff:10.0.0.1", "198.51.100.1 ,10.0.0.2,::1"), "198.51.100.1");
}

TEST_F(ClientAddress, WhatAClientWroteItselfIsNotBelieved) {
  EXPECT_EQ(from("10.0.0.1", "127.0.0.1, 198.51.100.1"), "198.51.100.1");
}

TEST_F(ClientAddress, StopsAtWhatIsNoAddress) {
  EXPECT_EQ(from("10.0.0.1", "198.51.100.1, unknown"), "10.0.0.1");
  EXPECT_EQ(from("10.0.0.1", "198.51.100.1, , 10.0.0.2"), "10.0.0.2");
  EXPECT_EQ(from("10.0.0.1", ""), "10.0.0.1");
}

TEST_F(ClientAddress, IsTheOutermostProxyWhenAllAreTrusted) {
  EXPECT_EQ(from("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3");
}

TEST_F(ClientAddress, TakesHopsWithPorts) {
  EXPECT_EQ(from("10.0.0.1", "198.51.100.1:55123"), "198.51.100.1");
  EXPECT_EQ(from("10.0.0.1", "[2001:db8::1]:55123"), "2001:db8::1");
}

}  // namespace
}  // namespace sluice::accounts
