#include "net/public_fetch.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>

#include "net/test_certificates.hpp"
#include "net/test_peer.hpp"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr std::string_view kUnreachable =
    "The URL cannot be fetched: no public server answers there at port 80 or 443.";

/// The Internet is 127.0.0.1, which is allowed; 127.0.0.2 is the gateway's own network. Both
/// listen at the same port.
class PublicFetch : public testing::Test {
 protected:
  PublicFetch()
      : server(test.loop), secret(test.loop, "127.0.0.2", server.port()), scope(test.loop) {
    policy.allow = {Cidr::parse("127.0.0.1").value()};
    names["public.example"] = {{"127.0.0.1"}};
    names["private.example"] = {{"127.0.0.2"}};
  }

  std::string at(std::string_view host, std::string_view path = "/image") const {
    return fmt::format("http://{}:{}{}", host, server.port(), path);
  }

  Task<Result<Fetched>> fetch(std::string url) {
    const Resolve resolve = [this](std::string host, uint16_t port, Scope&) {
      return look_up(std::move(host), port);
    };
    auto fetched = co_await fetch_public(policy, resolve, std::move(url), accept, scope);
    if (!fetched) error = fetched.error();
    co_return fetched;
  }
  /// Fetches while the server gives its answers, each on a connection of its own.
  Task<Result<Fetched>> fetch_from(std::vector<std::string> answers, std::string url) {
    TaskGroup group;
    group.spawn(serve(std::move(answers)));
    auto fetched = co_await fetch(std::move(url));
    Scope rest(test.loop);
    co_await group.empty(rest);
    co_return fetched;
  }
  Task<void> serve(std::vector<std::string> answers) {
    for (std::string& answer : answers) {
      Peer peer(test.loop);
      co_await server.accept(peer);
      requests.push_back(co_await peer.read_through("\r\n\r\n"));
      co_await peer.stream->write(peer.scope, answer);
      peer.half_close();
      co_await peer.read_to_end();
    }
  }

  /// What the last fetch was refused with; nobody may have been asked in the private network.
  void expect_refused(std::string_view message) {
    EXPECT_EQ(error.code, ErrorCode::kInvalidRequest);
    EXPECT_THAT(error.message, HasSubstr(message));
    EXPECT_TRUE(secret.deserted());
    error = {};
  }

  static std::string image(std::string_view type = "image/png") {
    return fmt::format("HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: 5\r\n\r\nbytes",
                       type);
  }
  static std::string redirect(std::string_view location) {
    return fmt::format("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", location);
  }

  TestLoop test;
  TestListener server;
  TestListener secret;
  Scope scope;
  FetchPolicy policy;
  std::string_view accept = "image/png, image/jpeg";
  /// The answers to a name one after the other; the last one stays.
  std::map<std::string, std::vector<std::vector<std::string>>> names;
  std::vector<std::string> looked_up;
  std::vector<std::string> requests;
  Error error;

 private:
  Task<Result<Addresses>> look_up(std::string host, uint16_t port) {
    looked_up.push_back(host);
    if (auto numeric = parse_address(host, port)) {
      co_return std::make_shared<const std::vector<Address>>(1, *numeric);
    }
    const auto known = names.find(host);
    if (known == names.end()) co_return fail(ErrorCode::kResolve, "no such name");
    std::vector<Address> addresses;
    for (const std::string& each : known->second.front()) {
      addresses.push_back(*parse_address(each, port));
    }
    if (known->second.size() > 1) known->second.erase(known->second.begin());
    co_return std::make_shared<const std::vector<Address>>(std::move(addresses));
  }
};

TEST_F(PublicFetch, BringsADocumentAndTellsNobodysSecrets) {
  const auto body = [&]() -> Task<void> {
    const auto fetched =
        co_await fetch_from({image("IMAGE/PNG; charset=x")}, at("public.example", "/a%20b?c=d#e"));
    EXPECT_TRUE(fetched.has_value()) << error.message;
    if (fetched) {
      EXPECT_EQ(fetched->media_type, "image/png");
      EXPECT_EQ(fetched->body, "bytes");
    }
    EXPECT_EQ(requests.at(0), fmt::format("GET /a%20b?c=d HTTP/1.1\r\nhost: public.example:{}\r\n"
                                          "user-agent: sluice\r\naccept: image/png, image/jpeg\r\n"
                                          "accept-encoding: identity\r\nconnection: close\r\n\r\n",
                                          server.port()));
  };
  test.run(body());
}

TEST_F(PublicFetch, TakesABodyOfAnyFraming) {
  const std::string head = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n";
  const auto body = [&]() -> Task<void> {
    auto fetched = co_await fetch_from(
        {head + "transfer-encoding: chunked\r\n\r\n3\r\nbyt\r\n2\r\nes\r\n0\r\n\r\n"},
        at("public.example"));
    EXPECT_EQ(fetched.value_or(Fetched{}).body, "bytes");
    fetched = co_await fetch_from({head + "\r\nbytes"}, at("public.example"));
    EXPECT_EQ(fetched.value_or(Fetched{}).body, "bytes");
  };
  test.run(body());
}

TEST_F(PublicFetch, RefusesEveryFormOfAPrivateAddressWithOneMessage) {
  const auto body = [&]() -> Task<void> {
    for (const std::string host : {"127.0.0.2",
                                   "[::ffff:127.0.0.2]",
                                   "[::ffff:7f00:2]",
                                   "[::127.0.0.2]",
                                   "[64:ff9b::127.0.0.2]",
                                   "[64:ff9b::7f00:2]",
                                   "[2002:7f00:2::]",
                                   "[2001:0:7f00:2::]",
                                   "[::]",
                                   "[::1]",
                                   "0.0.0.0",
                                   "10.0.0.1",
                                   "100.64.0.1",
                                   "169.254.169.254",
                                   "172.16.0.1",
                                   "192.168.0.1",
                                   "198.18.0.1",
                                   "255.255.255.255",
                                   "[fc00::1]",
                                   "[fd00:ec2::254]",
                                   "[fe80::1]",
                                   "[ff02::1]",
                                   "private.example",
                                   "unknown.example"}) {
      for (const std::string& url : {"http://" + host + "/", at(host), "https://" + host + "/"}) {
        EXPECT_FALSE((co_await fetch(url)).has_value()) << url;
        EXPECT_EQ(error.message, kUnreachable) << url;
        expect_refused("");
      }
    }
  };
  test.run(body());
}

TEST_F(PublicFetch, NobodyResolvesOddSpellings) {
  const auto body = [&]() -> Task<void> {
    for (const std::string host :
         {"0x7f.0.0.2", "0177.0.0.2", "2130706434", "127.2", "127.0.2", "0x7f000002", "127.0.0.2.",
          "user@127.0.0.2", "public.example\\@127.0.0.2", "[::1%25lo]"}) {
      EXPECT_FALSE((co_await fetch(at(host))).has_value()) << host;
      expect_refused("invalid URL");
    }
    EXPECT_TRUE(looked_up.empty());
  };
  test.run(body());
}

TEST_F(PublicFetch, SaysOfAPublicServerThatIsNotThereTheSameAsOfAPrivateOne) {
  server.close();
  const auto body = [&]() -> Task<void> {
    EXPECT_FALSE((co_await fetch(at("public.example"))).has_value());
    EXPECT_EQ(error.message, kUnreachable);
  };
  test.run(body());
}

TEST_F(PublicFetch, AsksNoneOfANamesAddressesWhenOneIsPrivate) {
  names["first.example"] = {{"127.0.0.1", "127.0.0.2"}};
  names["last.example"] = {{"127.0.0.2", "127.0.0.1"}};
  names["mapped.example"] = {{"127.0.0.1", "::ffff:127.0.0.2"}};
  const auto body = [&]() -> Task<void> {
    for (const std::string_view host : {"first.example", "last.example", "mapped.example"}) {
      EXPECT_FALSE((co_await fetch(at(host))).has_value()) << host;
      EXPECT_EQ(error.message, kUnreachable);
      expect_refused("");
      EXPECT_TRUE(server.deserted());
    }
  };
  test.run(body());
}

TEST_F(PublicFetch, ConnectsToTheAddressThatItHasJudged) {
  names["rebinding.example"] = {{"127.0.0.1"}, {"127.0.0.2"}};
  const auto body = [&]() -> Task<void> {
    const auto fetched = co_await fetch_from({image()}, at("rebinding.example"));
    EXPECT_TRUE(fetched.has_value()) << error.message;
    EXPECT_EQ(looked_up.size(), 1U);
    EXPECT_TRUE(secret.deserted());
  };
  test.run(body());
}

TEST_F(PublicFetch, JudgesANameAgainThatARedirectComesBackTo) {
  names["rebinding.example"] = {{"127.0.0.1"}, {"127.0.0.2"}};
  const auto body = [&]() -> Task<void> {
    co_await fetch_from({redirect("/again")}, at("rebinding.example"));
    EXPECT_EQ(error.message, kUnreachable);
    expect_refused("");
    EXPECT_EQ(looked_up.size(), 2U);
  };
  test.run(body());
}

TEST_F(PublicFetch, FollowsThreeRedirectsAndNoFourth) {
  names["other.example"] = {{"127.0.0.1"}};
  const auto body = [&]() -> Task<void> {
    std::vector<std::string> answers = {redirect("/b/c?d"), redirect(at("other.example", "/e/f")),
                                        redirect("../g"), image()};
    const auto fetched = co_await fetch_from(answers, at("public.example"));
    EXPECT_TRUE(fetched.has_value()) << error.message;
    EXPECT_THAT(requests.at(1), HasSubstr("GET /b/c?d HTTP/1.1\r\nhost: public.example:"));
    EXPECT_THAT(requests.at(2), HasSubstr("GET /e/f HTTP/1.1\r\nhost: other.example:"));
    EXPECT_THAT(requests.at(3), HasSubstr("GET /g HTTP/1.1\r\nhost: other.example:"));
    answers.assign(4, redirect("/round"));
    co_await fetch_from(answers, at("public.example"));
    expect_refused("too many redirects");
  };
  test.run(body());
}

TEST_F(PublicFetch, IsNotLedIntoThePrivateNetworkByARedirect) {
  const auto body = [&]() -> Task<void> {
    for (const std::string& target :
         {at("127.0.0.2"), at("private.example"), at("[::ffff:127.0.0.2]"),
          std::string("http://169.254.169.254/latest/meta-data/"),
          fmt::format("//127.0.0.2:{}/", server.port())}) {
      co_await fetch_from({redirect(target)}, at("public.example"));
      EXPECT_EQ(error.message, kUnreachable) << target;
      expect_refused("");
    }
    for (const std::string_view target :
         {"file:///etc/passwd", "http://0x7f.2/", "gopher://127.0.0.2/", "http://user@host/", ""}) {
      co_await fetch_from({redirect(target)}, at("public.example"));
      expect_refused("redirects to what is no web address");
    }
  };
  test.run(body());
}

TEST_F(PublicFetch, TakesOnlyWhatItAskedFor) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const auto body = [&]() -> Task<void> {
    for (const std::string_view type : {"text/html", "image/svg+xml", "application/json", "image",
                                        "image/png, text/html", "image/pngx"}) {
      co_await fetch_from({image(type)}, at("public.example"));
      expect_refused("its content type must be one of image/png, image/jpeg.");
    }
    co_await fetch_from({ok + "content-length: 5\r\n\r\nbytes"}, at("public.example"));
    expect_refused("its content type must be one of");
    co_await fetch_from({ok + "content-type: image/png\r\ncontent-encoding: gzip\r\n\r\nbytes"},
                        at("public.example"));
    expect_refused("a coding it was not asked for");
    co_await fetch_from({"HTTP/1.1 404 Not Found\r\ncontent-type: image/png\r\n\r\nbytes"},
                        at("public.example"));
    expect_refused("the server answered with status 404");
    co_await fetch_from({ok + "content-type: image/png\r\ncontent-length: 0\r\n\r\n"},
                        at("public.example"));
    expect_refused("there is nothing");
    co_await fetch_from({ok + "content-type: image/png\r\ncontent-length: 9\r\n\r\nbytes"},
                        at("public.example"));
    expect_refused("the server's answer is not whole");
    co_await fetch_from({"SSH-2.0-OpenSSH\r\n\r\n"}, at("public.example"));
    expect_refused("the server's answer is not whole");
    accept = "application/pdf, text/*";
    const auto text = co_await fetch_from({image("text/csv")}, at("public.example"));
    EXPECT_EQ(text.value_or(Fetched{}).media_type, "text/csv");
  };
  test.run(body());
}

TEST_F(PublicFetch, TakesNoMoreBytesThanAllowed) {
  policy.max_size = 1000;
  const std::string head = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n";
  const auto body = [&]() -> Task<void> {
    // As stated, before any of it has come; and as it comes.
    for (const std::string& rest :
         {std::string("content-length: 1001\r\n\r\n"), "\r\n" + std::string(1001, 'x'),
          "transfer-encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x')}) {
      co_await fetch_from({head + rest}, at("public.example"));
      expect_refused("there are more than 1000 bytes");
    }
    const auto all =
        co_await fetch_from({head + "\r\n" + std::string(1000, 'x')}, at("public.example"));
    EXPECT_EQ(all.value_or(Fetched{}).body.size(), 1000U);
  };
  test.run(body());
}

TEST_F(PublicFetch, GivesUpAServerThatDripsUntilTheTimeIsOver) {
  policy.timeout = milliseconds(15);
  const auto drip = [&](std::string beginning) -> Task<void> {
    Peer peer(test.loop);
    co_await server.accept(peer);
    co_await peer.send(std::move(beginning));
    while ((co_await peer.stream->write(peer.scope, "x")).ok()) {
      co_await Sleep(peer.scope, now() + milliseconds(1));
      peer.scope.clear_deadline();
    }
  };
  const auto body = [&]() -> Task<void> {
    for (const std::string beginning :
         {"HTTP/1.1 200 OK\r\nx-a: ", "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n"}) {
      TaskGroup group;
      group.spawn(drip(beginning));
      EXPECT_FALSE((co_await fetch(at("public.example"))).has_value());
      expect_refused("the server took too long");
      Scope rest(test.loop);
      co_await group.empty(rest);
    }
  };
  test.run(body());
}

TEST_F(PublicFetch, ARedirectGetsNoTimeOfItsOwn) {
  TimePoint until;
  const auto redirecting = [&]() -> Task<void> {
    Peer peer(test.loop);
    co_await server.accept(peer);
    co_await peer.read_through("\r\n\r\n");
    until = scope.deadline();
    co_await peer.send(redirect("/b"));
    co_await peer.read_to_end();
    co_await serve({image()});
  };
  const auto body = [&]() -> Task<void> {
    TaskGroup group;
    group.spawn(redirecting());
    EXPECT_TRUE((co_await fetch(at("public.example"))).has_value()) << error.message;
    Scope rest(test.loop);
    co_await group.empty(rest);
    EXPECT_NE(until, TimePoint::max());
    EXPECT_EQ(scope.deadline(), until);
  };
  test.run(body());
}

TEST_F(PublicFetch, LetsGoOfTheServerWhenItIsCancelled) {
  const auto body = [&]() -> Task<void> {
    Peer peer(test.loop);
    const auto run = [&]() -> Task<void> { co_await fetch(at("public.example")); };
    TaskGroup group;
    group.spawn(run());
    co_await server.accept(peer);
    co_await peer.read_through("\r\n\r\n");
    scope.cancel(CancelReason::kClientGone);
    EXPECT_EQ(co_await peer.read_to_end(), "");
    EXPECT_EQ(peer.ended, Io::kError) << "a reset";
    Scope rest(test.loop);
    co_await group.empty(rest);
    EXPECT_EQ(error.code, ErrorCode::kClientGone);
  };
  test.run(body());
}

TEST_F(PublicFetch, HoldsTheCertificateAgainstTheNameInTheUrl) {
  const TestCertificates certificates;
  const auto server_tls = *TlsContext::server(certificates.cert_file(), certificates.key_file());
  policy.tls = *TlsContext::client(certificates.ca_file());
  names["localhost"] = {{"127.0.0.1"}};
  const auto secured = [&](std::string answer) -> Task<void> {
    Peer peer(test.loop);
    co_await server.accept(peer);
    auto stream = co_await tls_accept(peer.stream->take_descriptor(), server_tls, peer.scope);
    if (!stream) co_return;
    peer.stream = std::move(*stream);
    co_await peer.read_through("\r\n\r\n");
    co_await peer.send(std::move(answer));
    co_await peer.read_to_end();
  };
  const auto body = [&]() -> Task<void> {
    for (const std::string_view host : {"localhost", "public.example"}) {
      for (const std::string& answer : {image(), redirect(at(host))}) {
        TaskGroup group;
        group.spawn(secured(answer));
        const auto fetched = co_await fetch(fmt::format("https://{}:{}/", host, server.port()));
        Scope rest(test.loop);
        co_await group.empty(rest);
        if (host == "public.example") {
          expect_refused(kUnreachable);
        } else if (answer != image()) {
          expect_refused("redirects from https to http");
        } else {
          EXPECT_TRUE(fetched.has_value()) << error.message;
        }
      }
    }
  };
  test.run(body());
}

TEST(MayAsk, OtherPortsAreForAllowedNetworksAlone) {
  FetchPolicy policy;
  const auto may = [&](const std::string& host, uint16_t port) {
    return may_ask(policy, *parse_address(host, port));
  };
  for (const std::string host : {"8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"}) {
    EXPECT_TRUE(may(host, 80));
    EXPECT_TRUE(may(host, 443));
    for (const uint16_t port : {22, 25, 6379, 8080}) EXPECT_FALSE(may(host, port)) << port;
  }
  EXPECT_FALSE(may("10.1.2.3", 80));
  policy.allow = {Cidr::parse("10.1.0.0/16").value(), Cidr::parse("fd00:1::/32").value()};
  EXPECT_TRUE(may("10.1.2.3", 9000));
  EXPECT_TRUE(may("::ffff:10.1.2.3", 80));
  EXPECT_TRUE(may("fd00:1::1", 80));
  EXPECT_FALSE(may("10.2.0.1", 80));
  EXPECT_FALSE(may("fd00:2::1", 80));
  EXPECT_FALSE(may("64:ff9b::10.1.2.3", 80)) << "what is allowed is what is connected to";
}

}  // namespace
}  // namespace sluice::net
