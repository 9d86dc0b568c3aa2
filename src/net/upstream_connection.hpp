// One HTTP/1.1 exchange with an upstream on a connection that came from a pool.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "http/body.hpp"
#include "http/head.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"

namespace sluice::net {

/// What next() found in a response body.
struct BodyPiece {
  enum Kind : uint8_t {
    kData,       // `data` is a view that lives until the coroutine suspends
    kNone,       // ready() only: nothing more has arrived
    kEnd,        // the body is complete
    kBroken,     // the connection died or the framing is wrong: not complete
    kTimeout,    // the scope's deadline passed
    kCancelled,  // the scope is cancelled
  };
  Kind kind = kNone;
  std::string_view data = {};
};

/// Owns its connection. Destroyed before the body's end, it closes with a reset, so that the
/// upstream stops at once; afterwards HttpClient::release() may take the stream back.
class UpstreamConnection {
 public:
  UpstreamConnection(std::unique_ptr<ByteStream> stream, bool reused)
      : stream_(std::move(stream)), reused_(reused) {}
  ~UpstreamConnection();
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  /// The connection had served before: its death before an answer says nothing of the upstream.
  bool reused() const { return reused_; }

  /// Sends a request. An upstream that answers before it has read all, or stops reading, is no
  /// error here: sending ends, and read_head() finds the answer, or that there is none.
  Task<Status> send(std::string_view head, std::string_view body, Scope& scope);

  /// Reads the response head, skipping 1xx. kConnectionClosed (nothing came), kProtocol,
  /// kTimeout, kClientGone (cancelled).
  Task<Status> read_head(std::string_view request_method, Scope& scope);
  const http::ResponseHead& head() const { return head_; }
  /// Gives back the head's memory; its views are invalid from then on.
  void release_head();

  class BodyAwaiter;
  /// Awaits the next piece of the body. Take all that is ready() before the next suspension: the
  /// pieces lie in the loop's input buffer. `hot` is memory that the caller will touch next: it is
  /// fetched while the kernel is asked.
  BodyAwaiter next(Scope& scope, std::span<const char> hot = {});
  /// A further piece of what has arrived already, or kNone.
  BodyPiece ready();

  /// Closes with a reset, now, so that the upstream stops at once. Only head() works afterwards.
  void abort();

  /// The response is complete and the connection can serve another request.
  bool reusable() const;
  std::unique_ptr<ByteStream> take_stream() { return std::move(stream_); }

 private:
  friend class BodyAwaiter;
  class SendAwaiter;

  std::unique_ptr<ByteStream> stream_;
  // An early answer; the head while it is in use, then bytes of the body behind it.
  std::string head_bytes_;
  std::string_view unread_;  // arrived, not decoded yet
  http::ResponseHead head_;
  http::BodyDecoder body_;
  bool reused_;
  bool keep_alive_ = false;
  bool ended_ = false;
  bool sent_whole_ = false;
};

class UpstreamConnection::BodyAwaiter final : private IoWaiter {
 public:
  BodyAwaiter(UpstreamConnection& connection, Scope& scope, std::span<const char> hot)
      : IoWaiter(scope), connection_(connection), hot_(hot) {}
  bool await_ready() { return try_in_turn(); }
  bool await_suspend(std::coroutine_handle<> handle);
  BodyPiece await_resume() const;

 private:
  bool attempt() override;
  void unhook() override;
  UpstreamConnection& connection_;
  std::span<const char> hot_;
  BodyPiece piece_;
};

inline UpstreamConnection::BodyAwaiter UpstreamConnection::next(Scope& scope,
                                                                std::span<const char> hot) {
  return {*this, scope, hot};
}

}  // namespace sluice::net
