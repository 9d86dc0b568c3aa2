#include "net/tls.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>

#include "net/test_certificates.hpp"
#include "net/test_peer.hpp"

namespace sluice::net {
namespace {

using std::chrono::milliseconds;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  ASSERT_NE(extension, nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make_certificate(const char* name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Certificate made(X509_new(), X509_free);
  X509* x = made.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_set_pubkey(x, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* const signer = issuer == nullptr ? x : issuer;
  X509_set_issuer_name(x, X509_get_subject_name(signer));
  if (issuer == nullptr) {
    add_extension(x, signer, NID_basic_constraints, "critical,CA:TRUE");
  } else {
    add_extension(x, signer, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  }
  X509_sign(x, issuer_key, EVP_sha256());
  return made;
}

void write_certificate(const std::string& path, X509* certificate) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
}

void write_key(const std::string& path, EVP_PKEY* key) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
}

}  // namespace

TestCertificates::TestCertificates()
    : folder_((std::filesystem::temp_directory_path() / "tls.XXXXXX").string()) {
  EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  const Key ca_key = make_key();
  const Certificate ca = make_certificate("test authority", ca_key.get(), nullptr, ca_key.get());
  const Key key = make_key();
  const Certificate server = make_certificate("test server", key.get(), ca.get(), ca_key.get());
  write_certificate(ca_file(), ca.get());
  write_certificate(cert_file(), server.get());
  write_key(key_file(), key.get());
  write_key(other_key_file(), ca_key.get());
}

TestCertificates::~TestCertificates() { std::filesystem::remove_all(folder_); }

namespace {

using Secured = Result<std::unique_ptr<ByteStream>>;

/// Both ends of a TLS connection on one loop.
class TlsPair {
 public:
  explicit TlsPair(Loop& loop) : client(loop), server(loop), listener_(loop) {
    server_context = *TlsContext::server(certificates.cert_file(), certificates.key_file());
    client_context = *TlsContext::client(certificates.ca_file());
  }

  /// Shakes hands; what came of it is in `connected` and `accepted`.
  Task<void> connect(std::string host) {
    TaskGroup group;
    group.spawn(accept());
    const std::vector<Address> addresses{*parse_address("127.0.0.1", listener_.port())};
    auto socket = co_await connect_to(addresses, client.scope);
    auto secured =
        co_await tls_connect(std::move(*socket), client_context, host, &slot, client.scope);
    connected = std::move(secured);
    if (connected) client.stream = std::move(*connected);
    co_await group.empty(client.scope);
  }

  TestCertificates certificates;
  TlsContextPtr server_context;
  TlsContextPtr client_context;
  TlsSessionSlot slot;
  Peer client;
  Peer server;
  Secured connected = fail(ErrorCode::kTls, "not tried");
  Secured accepted = fail(ErrorCode::kTls, "not tried");

 private:
  Task<void> accept() {
    auto socket = co_await listener_.accept_socket();
    auto secured = co_await tls_accept(std::move(socket), server_context, server.scope);
    accepted = std::move(secured);
    if (accepted) server.stream = std::move(*accepted);
  }
  TestListener listener_;
};

std::string pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return bytes;
}

TEST(TlsContext, SaysWhichFileIsWrong) {
  const TestCertificates files;
  const auto no_cert = TlsContext::server("/nowhere.pem", files.key_file());
  ASSERT_FALSE(no_cert.has_value());
  EXPECT_NE(no_cert.error().message.find("/nowhere.pem"), std::string::npos);
  const auto no_key = TlsContext::server(files.cert_file(), files.cert_file());
  EXPECT_FALSE(no_key.has_value());
  const auto wrong_key = TlsContext::server(files.cert_file(), files.other_key_file());
  EXPECT_FALSE(wrong_key.has_value());
  EXPECT_FALSE(TlsContext::client(files.key_file()).has_value());
  EXPECT_TRUE(TlsContext::client("").has_value()) << "the system's store";
}

TEST(TlsStream, CarriesBytesBothWaysAndItsEnd) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    TlsPair pair(test.loop);
    co_await pair.connect("localhost");
    EXPECT_TRUE(pair.connected.has_value());
    EXPECT_TRUE(pair.accepted.has_value());
    EXPECT_TRUE(pair.client.stream->secure());
    for (int i = 0; i < 50; ++i) {
      co_await pair.client.send("ping");
      EXPECT_EQ(co_await pair.server.read_bytes(4), "ping");
      co_await pair.server.send("pong");
      EXPECT_EQ(co_await pair.client.read_bytes(4), "pong");
    }
    pair.server.stream->shut_down();
    EXPECT_EQ(co_await pair.client.read_to_end(), "");
    EXPECT_EQ(pair.client.ended, Io::kEnd);
  };
  test.run(body());
}

TEST(TlsStream, CarriesMegabytesUnchangedWhenBothSidesMustWait) {
  TestLoop test;
  const std::string bytes = pattern(size_t{12} << 20);
  const auto send_all = [&](Peer& peer) -> Task<void> {
    co_await peer.send(bytes);
    peer.stream->shut_down();
  };
  const auto body = [&]() -> Task<void> {
    TlsPair pair(test.loop);
    co_await pair.connect("localhost");
    TaskGroup group;
    group.spawn(send_all(pair.client));
    EXPECT_EQ(group.size(), 1U) << "the kernel should not take all of it at once";
    const std::string got = co_await pair.server.read_to_end();
    EXPECT_TRUE(got == bytes);
    EXPECT_EQ(pair.server.ended, Io::kEnd);
    Scope scope(test.loop);
    co_await group.empty(scope);
  };
  test.run(body());
}

TEST(TlsStream, TellsATruncationFromAnEnd) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    TlsPair pair(test.loop);
    co_await pair.connect("localhost");
    co_await pair.server.send("part");
    pair.server.half_close();  // TCP's end without TLS's
    EXPECT_EQ(co_await pair.client.read_to_end(), "part");
    EXPECT_EQ(pair.client.ended, Io::kError);
  };
  test.run(body());
}

TEST(TlsStream, SurvivesAPeerThatIsGoneWhenItWrites) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    TlsPair pair(test.loop);
    co_await pair.connect("localhost");
    pair.client.reset();
    co_await pair.server.read_to_end();
    // Without care this raises SIGPIPE, which ends the process.
    for (int i = 0; i < 3; ++i) {
      const Io io = co_await pair.server.stream->write(pair.server.scope, "too late");
      EXPECT_EQ(io.kind, Io::kError);
    }
  };
  test.run(body());
}

TEST(TlsStream, GathersPartsOfWhichOnlySomeFitIn) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    TlsPair pair(test.loop);
    co_await pair.connect("localhost");
    std::string a = pattern(30'000);
    std::string b = pattern(500'000);
    iovec parts[2] = {{a.data(), a.size()}, {b.data(), b.size()}};
    std::span<iovec> left(parts);
    size_t rounds = 0;
    std::string got;
    while (!left.empty()) {
      const Io io = pair.client.stream->try_write(left);
      EXPECT_TRUE(io.ok() || io.kind == Io::kAgain);
      if (io.ok()) drop_front(left, io.bytes);
      got += co_await pair.server.read_bytes(io.bytes);
      ++rounds;
    }
    EXPECT_TRUE(got == a + b);
    EXPECT_GT(rounds, 1U);
  };
  test.run(body());
}

TEST(TlsConnect, RefusesACertificateForAnotherName) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    TlsPair pair(test.loop);
    co_await pair.connect("example.com");
    EXPECT_FALSE(pair.connected.has_value());
    if (pair.connected) co_return;
    EXPECT_EQ(pair.connected.error().code, ErrorCode::kTls);
    EXPECT_NE(pair.connected.error().message.find("not trusted"), std::string::npos)
        << pair.connected.error().message;
    EXPECT_FALSE(pair.accepted.has_value()) << "the server is told";
  };
  test.run(body());
}

TEST(TlsConnect, ChecksAnAddressAgainstTheCertificateToo) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    TlsPair named(test.loop);
    co_await named.connect("127.0.0.1");
    EXPECT_TRUE(named.connected.has_value());
    TlsPair other(test.loop);
    co_await other.connect("127.0.0.2");
    EXPECT_FALSE(other.connected.has_value());
  };
  test.run(body());
}

TEST(TlsConnect, RefusesAnUnknownAuthority) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    TlsPair pair(test.loop);
    const TestCertificates others;
    pair.client_context = *TlsContext::client(others.ca_file());
    co_await pair.connect("localhost");
    EXPECT_FALSE(pair.connected.has_value());
    if (!pair.connected) {
      EXPECT_NE(pair.connected.error().message.find("not trusted"), std::string::npos);
    }
  };
  test.run(body());
}

TEST(TlsConnect, ResumesTheLastSession) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    TlsPair pair(test.loop);
    co_await pair.connect("localhost");
    EXPECT_EQ(pair.slot.get(), nullptr) << "tickets come with the first bytes";
    co_await pair.server.send("x");
    co_await pair.client.read_bytes(1);
    const SSL_SESSION* session = pair.slot.get();
    EXPECT_NE(session, nullptr);
    if (session == nullptr) co_return;
    EXPECT_EQ(SSL_SESSION_is_resumable(session), 1);
    pair.client.close();
    pair.server.close();
    co_await pair.connect("localhost");
    co_await pair.server.send("y");
    EXPECT_EQ(co_await pair.client.read_bytes(1), "y");
    EXPECT_EQ(SSL_CTX_sess_hits(pair.server_context->native()), 1);
  };
  test.run(body());
}

TEST(TlsConnect, GivesUpOnASilentPeerAtTheDeadline) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Pair plain(test.loop);
    co_await plain.connect();
    const auto context = *TlsContext::client("");
    Scope scope(test.loop);
    scope.set_deadline(now() + milliseconds(5));
    const auto secured = co_await tls_connect(plain.left.stream->take_descriptor(), context,
                                              "localhost", nullptr, scope);
    EXPECT_FALSE(secured.has_value());
    if (!secured) {
      EXPECT_EQ(secured.error().code, ErrorCode::kTimeout);
    }
  };
  test.run(body());
}

TEST(TlsConnect, RefusesAPeerThatDoesNotSpeakTls) {
  TestLoop test;
  const auto body = [&]() -> Task<void> {
    Pair plain(test.loop);
    co_await plain.connect();
    co_await plain.right.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    const auto context = *TlsContext::client("");
    Scope scope(test.loop);
    const auto secured = co_await tls_connect(plain.left.stream->take_descriptor(), context,
                                              "localhost", nullptr, scope);
    EXPECT_FALSE(secured.has_value());
    if (!secured) {
      EXPECT_EQ(secured.error().code, ErrorCode::kTls);
    }
  };
  test.run(body());
}

}  // namespace
}  // namespace sluice::net
