#include "net/http_call.hpp"

#include <fmt/format.h>

#include <ctime>

#include "base/text.hpp"

namespace sluice::net {

namespace {

constexpr auto kBodyPause = std::chrono::seconds(30);   // between two reads of a request body
constexpr auto kBodyTotal = std::chrono::seconds(300);  // for all of it

/// Date field value, made once a second per thread.
std::string_view date_now() {
  thread_local time_t made_at = 0;
  thread_local char text[40];
  const time_t now = time(nullptr);
  if (now != made_at) {
    tm utc{};
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    made_at = now;
  }
  return text;
}

}  // namespace

HttpCall::HttpCall(ByteStream& stream, Scope& scope, std::string& received, std::string_view peer,
                   bool may_keep_alive)
    : stream_(stream),
      scope_(scope),
      received_(received),
      peer_(peer),
      started_(scope.loop().now()),
      may_keep_alive_(may_keep_alive) {}

HttpCall::~HttpCall() { stream_.descriptor().unwatch(); }

Task<Result<std::string>> HttpCall::read_body(uint64_t limit) {
  std::string body;
  if (head_.framing == http::Framing::kSized) {
    if (head_.content_length > limit) {
      keep_alive_ = false;
      co_return fail(
          ErrorCode::kRequestTooLarge,
          fmt::format("the body has {} bytes, {} are allowed", head_.content_length, limit));
    }
    // A length is a claim: room for all of it is made only as it arrives.
    body.reserve(std::min<uint64_t>(head_.content_length, 256 * 1024));
  }
  const TimePoint total = loop().now() + kBodyTotal;
  for (;;) {
    std::string_view input = received_;
    for (;;) {
      const auto step = body_.next(input);
      if (step.kind == http::BodyDecoder::kData) {
        if (body.size() + step.data.size() > limit) {
          keep_alive_ = false;
          co_return fail(ErrorCode::kRequestTooLarge,
                         fmt::format("the body is larger than the {} bytes allowed", limit));
        }
        body.append(step.data);
        continue;
      }
      if (step.kind == http::BodyDecoder::kBad) {
        keep_alive_ = false;
        co_return fail(ErrorCode::kInvalidRequest,
                       fmt::format("malformed request body: {}", step.reason));
      }
      break;
    }
    if (input.empty()) {
      std::string().swap(received_);
    } else {
      received_.erase(0, received_.size() - input.size());
    }
    if (body_.done()) break;
    if (awaits_continue_) {
      awaits_continue_ = false;
      const Io io = co_await stream_.write(scope_, "HTTP/1.1 100 Continue\r\n\r\n");
      if (!io.ok()) co_return fail(ErrorCode::kClientGone, "the client went away");
    }
    scope_.set_deadline(std::min(loop().now() + kBodyPause, total));
    const Io io = co_await stream_.read(scope_, loop().input());
    scope_.clear_deadline();
    if (io.kind == Io::kTimeout) {
      keep_alive_ = false;
      co_return fail(ErrorCode::kRequestTimeout, "the request body did not arrive in time");
    }
    if (!io.ok()) {
      scope_.cancel(CancelReason::kClientGone);
      co_return fail(ErrorCode::kClientGone, "the client went away");
    }
    received_.append(loop().input().data(), io.bytes);
  }
  co_return body;
}

void HttpCall::release_head() {
  head_ = {};
  std::string().swap(head_bytes_);
}

bool HttpCall::reusable() const {
  return finished_ && !broken_ && keep_alive_ && may_keep_alive_ && body_.done();
}

void HttpCall::append_head(std::string& out, int status, const HeaderList& headers) const {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", status,
                 http::reason_phrase(status));
  for (const auto& [name, value] : headers) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out.append("date: ").append(date_now()).append("\r\n");
  const bool keep = keep_alive_ && may_keep_alive_ && body_.done();
  if (!keep) {
    out.append("connection: close\r\n");
  } else if (http_1_0_) {
    out.append("connection: keep-alive\r\n");
  }
}

Task<Status> HttpCall::respond(int status, const HeaderList& headers, std::string_view body) {
  status_ = status;
  begun_ = true;
  std::string head;
  head.reserve(512);
  append_head(head, status, headers);
  if (status >= 200 && status != 204 && status != 304) {
    fmt::format_to(std::back_inserter(head), "content-length: {}\r\n", body.size());
  }
  head.append("\r\n");
  iovec parts[2] = {{.iov_base = head.data(), .iov_len = head.size()},
                    {.iov_base = const_cast<char*>(body.data()), .iov_len = body.size()}};
  finished_ = true;
  if (send_parts({parts, head_request_ || body.empty() ? size_t{1} : size_t{2}})) {
    co_return Status{};
  }
  co_return co_await flush();
}

void HttpCall::begin_stream(int status, const HeaderList& headers) {
  status_ = status;
  begun_ = true;
  chunked_ = !http_1_0_;
  if (!chunked_) keep_alive_ = false;
  append_head(pending_, status, headers);
  if (chunked_) pending_.append("transfer-encoding: chunked\r\n");
  pending_.append("\r\n");
}

bool HttpCall::push(std::string_view payload, bool last) {
  char chunk_head[http::kMaxChunkHead];
  iovec parts[4];
  size_t count = 0;
  const auto add = [&](const char* data, size_t size) {
    if (size > 0) parts[count++] = {.iov_base = const_cast<char*>(data), .iov_len = size};
  };
  std::string waiting;
  if (!pending_.empty()) {
    waiting.swap(pending_);
    add(waiting.data(), waiting.size());
  }
  if (!payload.empty()) {
    if (chunked_) add(chunk_head, http::write_chunk_head(payload.size(), chunk_head));
    add(payload.data(), payload.size());
  }
  if (chunked_) {
    const std::string_view tail =
        payload.empty() ? (last ? "0\r\n\r\n" : "") : (last ? "\r\n0\r\n\r\n" : "\r\n");
    add(tail.data(), tail.size());
  }
  if (last) finished_ = true;
  return send_parts({parts, count});
}

bool HttpCall::send_parts(std::span<iovec> parts) {
  if (broken_) return false;
  while (!parts.empty()) {
    const Io io = stream_.try_write(parts);
    if (io.kind == Io::kAgain) break;
    if (!io.ok()) {
      broken_ = true;
      scope_.cancel(CancelReason::kClientGone);
      return false;
    }
    bytes_sent_ += io.bytes;
    size_t moved = io.bytes;
    while (!parts.empty() && moved >= parts.front().iov_len) {
      moved -= parts.front().iov_len;
      parts = parts.subspan(1);
    }
    if (!parts.empty() && moved > 0) {
      parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + moved;
      parts.front().iov_len -= moved;
    }
  }
  for (const iovec& part : parts) {
    pending_.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  return pending_.empty();
}

Task<Status> HttpCall::flush() {
  if (!pending_.empty() && !broken_) {
    const Io io = co_await stream_.write(scope_, pending_);
    if (io.kind == Io::kTimeout) {
      broken_ = true;
      co_return fail(ErrorCode::kTimeout, "the client does not read");
    }
    if (!io.ok()) {
      broken_ = true;
      scope_.cancel(CancelReason::kClientGone);
    } else {
      bytes_sent_ += io.bytes;
      std::string().swap(pending_);
    }
  }
  if (broken_) co_return fail(ErrorCode::kClientGone, "the client went away");
  co_return Status{};
}

}  // namespace sluice::net
