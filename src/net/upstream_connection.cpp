#include "net/upstream_connection.hpp"

#include <fmt/format.h>

namespace sluice::net {

UpstreamConnection::~UpstreamConnection() { abort(); }

void UpstreamConnection::abort() {
  if (stream_ && !ended_) stream_->descriptor().reset_on_close();
  stream_.reset();
}

// Done when all is sent, or there is no use in sending more.
class UpstreamConnection::SendAwaiter final : private IoWaiter {
 public:
  SendAwaiter(UpstreamConnection& connection, Scope& scope, std::span<iovec> parts)
      : IoWaiter(scope), connection_(connection), parts_(parts) {}
  bool await_ready() { return !scope_.cancelled() && attempt(); }
  bool await_suspend(std::coroutine_handle<> handle) {
    if (!begin(handle)) return false;
    connection_.stream_->wait_for_read(this);
    connection_.stream_->wait_for_write(this);
    return true;
  }
  Outcome await_resume() const { return outcome(); }

 private:
  bool attempt() override {
    while (!parts_.empty()) {
      const Io io = connection_.stream_->try_write(parts_);
      if (io.kind == Io::kAgain) return answered();
      if (!io.ok()) return true;
      drop_front(parts_, io.bytes);
    }
    connection_.sent_whole_ = true;
    return true;
  }
  bool answered() {
    const auto buffer = scope_.loop().input();
    const Io io = connection_.stream_->try_read(buffer);
    if (io.ok()) connection_.head_bytes_.assign(buffer.data(), io.bytes);
    return io.kind != Io::kAgain;
  }
  void unhook() override { connection_.stream_->descriptor().forget(this); }

  UpstreamConnection& connection_;
  std::span<iovec> parts_;
};

Task<Status> UpstreamConnection::send(std::string_view head, std::string_view body, Scope& scope) {
  iovec parts[2] = {
      {.iov_base = const_cast<char*>(head.data()), .iov_len = head.size()},
      {.iov_base = const_cast<char*>(body.data()), .iov_len = body.size()},
  };
  const std::span<iovec> all(parts, body.empty() ? size_t{1} : size_t{2});
  const Outcome outcome = co_await SendAwaiter(*this, scope, all);
  if (outcome == Outcome::kTimeout) co_return fail(ErrorCode::kTimeout, "sending timed out");
  if (outcome == Outcome::kCancelled) co_return fail(ErrorCode::kClientGone, "cancelled");
  co_return Status{};
}

Task<Status> UpstreamConnection::read_head(std::string_view request_method, Scope& scope) {
  Loop& loop = scope.loop();
  const http::HeadLimits limits;
  size_t scanned = 0;
  for (;;) {
    if (!head_bytes_.empty()) {
      const auto result =
          http::parse_response_head(head_bytes_, scanned, limits, request_method, head_);
      if (result.state == http::HeadState::kBad) {
        co_return fail(ErrorCode::kProtocol,
                       fmt::format("malformed response head: {}", result.error.reason));
      }
      if (result.state == http::HeadState::kDone) {
        if (head_.status >= 200) {
          unread_ = std::string_view(head_bytes_).substr(result.consumed);
          break;
        }
        head_bytes_.erase(0, result.consumed);
        scanned = 0;
        head_ = {};
        continue;
      }
    }
    const Io io = co_await stream_->read(scope, loop.input());
    if (io.kind == Io::kTimeout) co_return fail(ErrorCode::kTimeout, "no response in time");
    if (io.kind == Io::kCancelled) co_return fail(ErrorCode::kClientGone, "cancelled");
    if (!io.ok()) {
      if (head_bytes_.empty()) {
        co_return fail(ErrorCode::kConnectionClosed, "the connection closed before a response");
      }
      co_return fail(ErrorCode::kProtocol, "the connection closed inside the response head");
    }
    head_bytes_.append(loop.input().data(), io.bytes);
  }
  body_ = http::BodyDecoder(head_.framing, head_.content_length);
  keep_alive_ = head_.keep_alive;
  co_return Status{};
}

void UpstreamConnection::release_head() {
  head_ = {};
  // What lies behind the head is needed until the first piece has been taken.
  if (unread_.empty()) std::string().swap(head_bytes_);
}

BodyPiece UpstreamConnection::ready() {
  const auto step = body_.next(unread_);
  switch (step.kind) {
    case http::BodyDecoder::kData:
      return {.kind = BodyPiece::kData, .data = step.data};
    case http::BodyDecoder::kEnd:
      // Bytes behind the end were never asked for: such a connection is not used again.
      ended_ = unread_.empty();
      return {.kind = BodyPiece::kEnd};
    case http::BodyDecoder::kBad:
      return {.kind = BodyPiece::kBroken, .data = step.reason};
    case http::BodyDecoder::kNeedMore:
      break;
  }
  return {};
}

bool UpstreamConnection::reusable() const {
  return stream_ && ended_ && sent_whole_ && keep_alive_ && !stream_->descriptor().hung_up();
}

bool UpstreamConnection::BodyAwaiter::attempt() {
  constexpr size_t kLine = 64;
  for (size_t at = 0; at < hot_.size(); at += kLine) __builtin_prefetch(hot_.data() + at);
  for (;;) {
    piece_ = connection_.ready();
    if (piece_.kind != BodyPiece::kNone) return true;
    if (connection_.head_.status == 0) std::string().swap(connection_.head_bytes_);
    const auto buffer = scope_.loop().input();
    const Io io = connection_.stream_->try_read(buffer);
    if (io.kind == Io::kAgain) return false;
    if (!io.ok()) {
      const bool complete = io.kind == Io::kEnd && connection_.body_.finish_at_close();
      piece_ = {.kind = complete ? BodyPiece::kEnd : BodyPiece::kBroken};
      connection_.keep_alive_ = false;
      connection_.ended_ = complete;
      return true;
    }
    connection_.unread_ = {buffer.data(), io.bytes};
  }
}

bool UpstreamConnection::BodyAwaiter::await_suspend(std::coroutine_handle<> handle) {
  if (!begin(handle)) return false;
  connection_.stream_->wait_for_read(this);
  revisit_if_out_of_turn(connection_.stream_->descriptor());
  return true;
}

void UpstreamConnection::BodyAwaiter::unhook() { connection_.stream_->descriptor().forget(this); }

BodyPiece UpstreamConnection::BodyAwaiter::await_resume() const {
  if (outcome() == Outcome::kTimeout) return {.kind = BodyPiece::kTimeout};
  if (outcome() == Outcome::kCancelled) return {.kind = BodyPiece::kCancelled};
  return piece_;
}

}  // namespace sluice::net
