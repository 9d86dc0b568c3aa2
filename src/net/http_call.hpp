// One HTTP request on a server connection, and its response.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "http/body.hpp"
#include "http/head.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"

namespace sluice::net {

/// Response header fields, owned. Names and values must be valid: they are not checked again.
using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// How long a client may take, and how much it may send.
struct HttpServerLimits {
  http::HeadLimits head;
  Duration idle = std::chrono::seconds(75);          // between two requests of a connection
  Duration head_arrival = std::chrono::seconds(10);  // from the first byte of a head to its last
  Duration body_pause = std::chrono::seconds(30);    // between two reads of a request body
  Duration body_total = std::chrono::seconds(300);   // for all of it
  Duration write_stall = std::chrono::seconds(120);  // a client that takes nothing is gone
  Duration linger = std::chrono::seconds(2);         // for a client to read a refusal
  Duration drain_grace = std::chrono::seconds(1);    // for the first request of a new connection
};

/// Lives as long as the handler runs. The client is watched all that time: its departure cancels
/// scope(), which ends whatever the handler awaits.
class HttpCall final : private DescriptorWatch {
 public:
  /// `draining` is the server's: once true, responses close their connection.
  HttpCall(ByteStream& stream, Scope& scope, std::string& received, std::string_view peer,
           const HttpServerLimits& limits, const bool& draining);
  ~HttpCall() override;
  HttpCall(const HttpCall&) = delete;
  HttpCall& operator=(const HttpCall&) = delete;

  const http::RequestHead& head() const { return head_; }
  /// The client's address without port; "unix:UID" at a Unix socket.
  std::string_view peer() const { return peer_; }
  Scope& scope() { return scope_; }
  Loop& loop() { return scope_.loop(); }
  TimePoint started() const { return started_; }

  /// From now on the client's departure does not cancel the scope; client_left() tells of it.
  void outlive_client() { outlives_client_ = true; }
  bool outlives_client() const { return outlives_client_; }
  bool client_left() const { return client_left_; }
  void note_client_left() { client_left_ = true; }

  /// The whole body, at most `limit` bytes (kRequestTooLarge beyond). Sends 100 Continue where
  /// the client waits for it. kRequestTimeout for a body that dawdles, kInvalidRequest for broken
  /// framing, kClientGone.
  Task<Result<std::string>> read_body(uint64_t limit);

  /// Gives back the memory of the request's head, whose views are invalid from then on.
  void release_head();

  /// A field for the response, whoever makes it.
  void add_header(std::string_view name, std::string_view value);

  /// Whole responses of a middling size go out as gzip where the client takes that and they have
  /// no coding yet. Event streams never do.
  void allow_gzip();

  /// Sends a whole response. Fails only when the client is gone.
  Task<Status> respond(int status, const HeaderList& headers, std::string_view body);

  /// Starts a streamed response (chunked, or to the end of the connection for HTTP/1.0). Nothing
  /// is sent yet: the head leaves together with the first push().
  void begin_stream(int status, const HeaderList& headers);
  bool begun() const { return begun_; }

  /// Sends `payload` without waiting, as one chunk. False: the client reads too slowly, or is
  /// gone; await flush() before the next push. `last` also ends the body, in the same write.
  bool push(std::string_view payload, bool last = false);

  /// Nothing that was pushed waits for the client to read. While something does, whoever awaits
  /// flush() is at it.
  bool flushed() const { return pending_.empty(); }
  /// When bytes were last handed to the kernel; started() before that.
  TimePoint last_sent() const { return last_sent_; }

  /// Awaits that everything pushed is handed to the kernel. The scope's deadline applies; without
  /// one, kTimeout when the client takes nothing for the server's write_stall. What a cancellation
  /// leaves unsent can still be flushed after forgive().
  Task<Status> flush();

  /// The response is complete; its last bytes may still have to be flushed.
  bool finished() const { return finished_ && !broken_; }
  int status() const { return status_; }
  uint64_t bytes_sent() const { return bytes_sent_; }
  /// The connection can serve another request.
  bool reusable() const;
  void forbid_reuse() { keep_alive_ = false; }

 private:
  friend class HttpConnection;
  void on_hangup() override {
    client_left_ = true;
    if (!outlives_client_) scope_.cancel(CancelReason::kClientGone);
  }
  void start_watching() { stream_.descriptor().watch(this); }
  bool keeps_alive() const { return keep_alive_ && !draining_ && body_.done(); }
  Status take_body(std::string_view& input, uint64_t limit, std::string& body);
  void append_head(std::string& out, int status, const HeaderList& headers) const;
  bool compresses(const HeaderList& headers, std::string_view body) const;
  bool send_parts(std::span<iovec> parts);

  ByteStream& stream_;
  Scope& scope_;
  std::string& received_;  // bytes from the client that were not consumed yet
  std::string_view peer_;
  const HttpServerLimits& limits_;
  const bool& draining_;
  std::string head_bytes_;
  http::RequestHead head_;
  http::BodyDecoder body_;
  TimePoint started_;
  TimePoint last_sent_;
  std::string extra_headers_;
  std::string pending_;  // response bytes that the kernel would not take yet
  uint64_t bytes_sent_ = 0;
  int status_ = 0;
  bool keep_alive_ = true;
  bool head_request_ = false;
  bool http_1_0_ = false;
  bool awaits_continue_ = false;
  bool gzip_ = false;
  bool chunked_ = false;
  bool begun_ = false;
  bool finished_ = false;
  bool broken_ = false;
  bool outlives_client_ = false;
  bool client_left_ = false;
};

/// A handler of requests: one object serves all connections of a loop.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Task<void> handle(HttpCall& call) = 0;
  /// Body of the answer to a request whose head was refused.
  virtual std::string render_refusal(int status, std::string_view reason) = 0;
};

}  // namespace sluice::net
