#include "net/tls.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::net {

namespace {

std::string tls_reason() {
  const unsigned long code = ERR_get_error();
  if (code == 0) return "connection closed";
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

int slot_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* slot = static_cast<TlsSessionSlot*>(SSL_get_ex_data(ssl, slot_index()));
  if (slot == nullptr) return 0;
  slot->store(session);
  return 1;  // the reference is ours now
}

// OpenSSL's own socket BIO would raise SIGPIPE, and asks the kernel although it is known to have
// nothing.
Descriptor& descriptor_of(BIO* bio) { return *static_cast<Descriptor*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* into, int size) {
  Descriptor& descriptor = descriptor_of(bio);
  const Io io = receive(descriptor, {into, static_cast<size_t>(size)});
  BIO_clear_retry_flags(bio);
  if (io.kind == Io::kAgain) BIO_set_retry_read(bio);
  if (io.kind == Io::kEnd) return 0;
  return io.ok() ? static_cast<int>(io.bytes) : -1;
}

int bio_write(BIO* bio, const char* from, int size) {
  const iovec part{.iov_base = const_cast<char*>(from), .iov_len = static_cast<size_t>(size)};
  const Io io = transmit(descriptor_of(bio), {&part, 1});
  BIO_clear_retry_flags(bio);
  if (io.kind == Io::kAgain) BIO_set_retry_write(bio);
  return io.ok() ? static_cast<int>(io.bytes) : -1;
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* bio_method() {
  static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "descriptor");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)>(made, BIO_meth_free);
  }();
  return method.get();
}

class TlsStream final : public ByteStream {
 public:
  TlsStream(std::unique_ptr<Descriptor> socket, TlsContextPtr context)
      : ByteStream(std::move(socket)),
        context_(std::move(context)),
        ssl_(SSL_new(context_->native())) {
    if (ssl_ == nullptr) return;
    BIO* bio = BIO_new(bio_method());
    BIO_set_data(bio, descriptor_.get());
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
  }
  ~TlsStream() override {
    if (ssl_ == nullptr) return;
    // An ending without close_notify must not forbid resumption.
    SSL_set_quiet_shutdown(ssl_, 1);
    SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }

  SSL* ssl() const { return ssl_; }
  bool secure() const override { return true; }

  Io try_read(std::span<char> into) override {
    size_t got = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_, into.data(), into.size(), &got);
    if (result == 1) return {.kind = Io::kOk, .bytes = got};
    return failed(result, true);
  }

  Io try_write(std::span<const iovec> parts) override {
    // One record for all parts: gathered, since a record a part would cost bytes and CPU.
    std::string_view bytes;
    if (parts.size() == 1) {
      bytes = {static_cast<const char*>(parts[0].iov_base), parts[0].iov_len};
    } else {
      gathered_.clear();
      for (const iovec& part : parts) {
        gathered_.append(static_cast<const char*>(part.iov_base), part.iov_len);
      }
      bytes = gathered_;
    }
    if (bytes.empty()) return {.kind = Io::kOk, .bytes = 0};
    size_t sent = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent);
    if (result == 1) return {.kind = Io::kOk, .bytes = sent};
    return failed(result, false);
  }

  void shut_down() override {
    SSL_shutdown(ssl_);
    ::shutdown(descriptor_->fd(), SHUT_WR);
  }

  /// One step of the handshake.
  Io try_handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    if (result == 1) return {.kind = Io::kOk};
    return failed(result, true);
  }

  // OpenSSL may need to write in order to read and the other way round.
  void wait_for_read(IoWaiter* waiter) override { wait_both(waiter); }
  void wait_for_write(IoWaiter* waiter) override { wait_both(waiter); }
  void wait_both(IoWaiter* waiter) {
    descriptor_->wait_read(waiter);
    descriptor_->wait_write(waiter);
  }

 private:
  Io failed(int result, bool reading) {
    switch (SSL_get_error(ssl_, result)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {};
      case SSL_ERROR_ZERO_RETURN:
        return {.kind = reading ? Io::kEnd : Io::kError};
      default:
        return {.kind = Io::kError};
    }
  }

  TlsContextPtr context_;
  SSL* ssl_;
  static thread_local std::string gathered_;
};

thread_local std::string TlsStream::gathered_;

class HandshakeAwaiter final : private IoWaiter {
 public:
  HandshakeAwaiter(TlsStream& stream, Scope& scope) : IoWaiter(scope), stream_(stream) {}
  bool await_ready() { return !scope_.cancelled() && attempt(); }
  bool await_suspend(std::coroutine_handle<> handle) {
    if (!begin(handle)) return false;
    stream_.wait_both(this);
    return true;
  }
  Io await_resume() const {
    if (outcome() == Outcome::kTimeout) return {.kind = Io::kTimeout};
    if (outcome() == Outcome::kCancelled) return {.kind = Io::kCancelled};
    return io_;
  }

 private:
  bool attempt() override {
    io_ = stream_.try_handshake();
    return io_.kind != Io::kAgain;
  }
  void unhook() override { stream_.descriptor().forget(this); }
  TlsStream& stream_;
  Io io_;
};

Task<Result<std::unique_ptr<ByteStream>>> shake_hands(std::unique_ptr<TlsStream> stream,
                                                      Scope& scope) {
  const Io io = co_await HandshakeAwaiter(*stream, scope);
  if (io.kind == Io::kTimeout) co_return fail(ErrorCode::kTimeout, "TLS handshake timed out");
  if (io.kind == Io::kCancelled) co_return fail(ErrorCode::kClientGone, "cancelled");
  if (!io.ok()) {
    const long verify = SSL_get_verify_result(stream->ssl());
    if (verify != X509_V_OK) {
      co_return fail(ErrorCode::kTls, fmt::format("certificate not trusted: {}",
                                                  X509_verify_cert_error_string(verify)));
    }
    co_return fail(ErrorCode::kTls, "TLS handshake failed: " + tls_reason());
  }
  std::unique_ptr<ByteStream> ready = std::move(stream);
  co_return ready;
}

SSL_CTX* new_context(const SSL_METHOD* method) {
  SSL_CTX* context = SSL_CTX_new(method);
  if (context == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_read_ahead(context, 1);  // one read from the socket for a record, not two
  return context;
}

const unsigned char kAlpnHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_length,
                const unsigned char* offered, unsigned int offered_length, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kAlpnHttp11, sizeof kAlpnHttp11, offered,
                            offered_length) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<TlsContext>> TlsContext::server(const std::string& cert_file,
                                                       const std::string& key_file) {
  std::shared_ptr<TlsContext> made(new TlsContext(new_context(TLS_server_method())));
  SSL_CTX* context = made->native();
  if (context == nullptr) return fail(ErrorCode::kTls, tls_reason());
  if (SSL_CTX_use_certificate_chain_file(context, cert_file.c_str()) != 1) {
    return fail(ErrorCode::kTls, fmt::format("certificate {}: {}", cert_file, tls_reason()));
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(ErrorCode::kTls, fmt::format("key {}: {}", key_file, tls_reason()));
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return fail(ErrorCode::kTls,
                fmt::format("key {} does not belong to certificate {}", key_file, cert_file));
  }
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
  // Sessions resume by tickets, which the clients keep.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return made;
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const std::string& ca_file) {
  std::shared_ptr<TlsContext> made(new TlsContext(new_context(TLS_client_method())));
  SSL_CTX* context = made->native();
  if (context == nullptr) return fail(ErrorCode::kTls, tls_reason());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    return fail(ErrorCode::kTls, fmt::format("ca_file {}: {}", ca_file, tls_reason()));
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  SSL_CTX_set_alpn_protos(context, kAlpnHttp11, sizeof kAlpnHttp11);
  return made;
}

TlsSessionSlot::~TlsSessionSlot() { SSL_SESSION_free(session_); }

void TlsSessionSlot::store(ssl_session_st* session) {
  SSL_SESSION_free(session_);
  session_ = session;
}

Task<Result<std::unique_ptr<ByteStream>>> tls_accept(std::unique_ptr<Descriptor> socket,
                                                     TlsContextPtr context, Scope& scope) {
  auto stream = std::make_unique<TlsStream>(std::move(socket), std::move(context));
  if (stream->ssl() == nullptr) co_return fail(ErrorCode::kTls, tls_reason());
  SSL_set_accept_state(stream->ssl());
  co_return co_await shake_hands(std::move(stream), scope);
}

Task<Result<std::unique_ptr<ByteStream>>> tls_connect(std::unique_ptr<Descriptor> socket,
                                                      TlsContextPtr context, std::string host,
                                                      TlsSessionSlot* slot, Scope& scope) {
  auto stream = std::make_unique<TlsStream>(std::move(socket), std::move(context));
  SSL* ssl = stream->ssl();
  if (ssl == nullptr) co_return fail(ErrorCode::kTls, tls_reason());
  SSL_set_connect_state(ssl);
  unsigned char address[sizeof(in6_addr)];
  const bool literal = inet_pton(AF_INET, host.c_str(), address) == 1 ||
                       inet_pton(AF_INET6, host.c_str(), address) == 1;
  if (literal) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    SSL_set1_host(ssl, host.c_str());
  }
  SSL_set_ex_data(ssl, slot_index(), slot);
  if (slot != nullptr && slot->get() != nullptr) SSL_set_session(ssl, slot->get());
  co_return co_await shake_hands(std::move(stream), scope);
}

}  // namespace sluice::net
