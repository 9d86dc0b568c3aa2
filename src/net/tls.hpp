// TLS with OpenSSL on non-blocking descriptors. OpenSSL gives its record buffers back while a
// connection is idle, so a quiet TLS stream stays small.
#pragma once

#include <memory>
#include <string>

#include "base/error.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"

struct ssl_ctx_st;
struct ssl_session_st;

namespace sluice::net {

/// An immutable context, shared by connections and threads; replaced whole on reload.
class TlsContext {
 public:
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// For a server: certificate chain and key as PEM files. TLS 1.2 or newer.
  static Result<std::shared_ptr<TlsContext>> server(const std::string& cert_file,
                                                    const std::string& key_file);
  /// For a client: verifies the chain against `ca_file`, or the system's store when empty, and
  /// the host's name. Remembers one session a host for resumption.
  static Result<std::shared_ptr<TlsContext>> client(const std::string& ca_file);

  ssl_ctx_st* native() const { return context_; }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

using TlsContextPtr = std::shared_ptr<TlsContext>;

/// The last TLS session with one upstream, kept by its connection pool. One loop only.
class TlsSessionSlot {
 public:
  TlsSessionSlot() = default;
  ~TlsSessionSlot();
  TlsSessionSlot(const TlsSessionSlot&) = delete;
  TlsSessionSlot& operator=(const TlsSessionSlot&) = delete;
  void store(ssl_session_st* session);  // takes one reference
  ssl_session_st* get() const { return session_; }

 private:
  ssl_session_st* session_ = nullptr;
};

/// Does the handshake over a connected socket within the scope's deadline.
Task<Result<std::unique_ptr<ByteStream>>> tls_accept(std::unique_ptr<Descriptor> socket,
                                                     TlsContextPtr context, Scope& scope);
/// `slot` outlives the stream.
Task<Result<std::unique_ptr<ByteStream>>> tls_connect(std::unique_ptr<Descriptor> socket,
                                                      TlsContextPtr context, std::string host,
                                                      TlsSessionSlot* slot, Scope& scope);

}  // namespace sluice::net
