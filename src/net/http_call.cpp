#include "net/http_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "base/text.hpp"
#include "http/content_coding.hpp"

namespace sluice::net {

namespace {

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
                   const HttpServerLimits& limits, const bool& draining)
    : stream_(stream),
      scope_(scope),
      received_(received),
      peer_(peer),
      limits_(limits),
      draining_(draining),
      started_(scope.loop().now()),
      last_sent_(started_) {}

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
  const TimePoint total = loop().now() + limits_.body_total;
  std::string_view input = received_;
  auto taken = take_body(input, limit, body);
  received_.erase(0, received_.size() - input.size());
  while (taken && !body_.done()) {
    if (received_.empty()) std::string().swap(received_);
    if (awaits_continue_) {
      awaits_continue_ = false;
      const Io io = co_await stream_.write(scope_, "HTTP/1.1 100 Continue\r\n\r\n");
      if (!io.ok()) co_return fail(ErrorCode::kClientGone, "the client went away");
    }
    scope_.set_deadline(std::min(loop().now() + limits_.body_pause, total));
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
    input = {loop().input().data(), io.bytes};
    taken = take_body(input, limit, body);
    received_.assign(input);  // of the next request
  }
  // The answer may take long: nothing is held meanwhile.
  if (received_.empty()) std::string().swap(received_);
  if (!taken) {
    keep_alive_ = false;
    co_return std::unexpected(std::move(taken.error()));
  }
  co_return body;
}

Status HttpCall::take_body(std::string_view& input, uint64_t limit, std::string& body) {
  for (;;) {
    const auto step = body_.next(input);
    switch (step.kind) {
      case http::BodyDecoder::kData:
        if (body.size() + step.data.size() > limit) {
          return fail(ErrorCode::kRequestTooLarge,
                      fmt::format("the body is larger than the {} bytes allowed", limit));
        }
        body.append(step.data);
        break;
      case http::BodyDecoder::kBad:
        return fail(ErrorCode::kInvalidRequest,
                    fmt::format("malformed request body: {}", step.reason));
      case http::BodyDecoder::kNeedMore:
      case http::BodyDecoder::kEnd:
        return {};
    }
  }
}

void HttpCall::release_head() {
  head_ = {};
  std::string().swap(head_bytes_);
}

void HttpCall::add_header(std::string_view name, std::string_view value) {
  extra_headers_.append(name).append(": ").append(value).append("\r\n");
}

void HttpCall::allow_gzip() {
  gzip_ = http::accepts(head_.fields.get("accept-encoding"), http::Coding::kGzip);
  add_header("vary", "accept-encoding");
}

bool HttpCall::compresses(const HeaderList& headers, std::string_view body) const {
  // Less is not worth it, and more would keep the loop from its streams.
  constexpr size_t kLeast = 1024;
  constexpr size_t kMost = 256 * 1024;
  if (!gzip_ || body.size() < kLeast || body.size() > kMost) return false;
  return std::ranges::none_of(headers, [](const auto& each) {
    return iequals(each.first, "content-encoding") ||
           (iequals(each.first, "content-type") && istarts_with(each.second, "text/event-stream"));
  });
}

bool HttpCall::reusable() const { return finished() && pending_.empty() && keeps_alive(); }

void HttpCall::append_head(std::string& out, int status, const HeaderList& headers) const {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", status,
                 http::reason_phrase(status));
  for (const auto& [name, value] : headers) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
  out.append(extra_headers_).append("date: ").append(date_now()).append("\r\n");
  if (!keeps_alive()) {
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
  std::string coded;
  if (compresses(headers, body)) {
    coded = http::gzip(body);
    body = coded;
    head.append("content-encoding: gzip\r\n");
  }
  const bool bodiless = status == 204 || status == 304;
  if (!bodiless) {
    fmt::format_to(std::back_inserter(head), "content-length: {}\r\n", body.size());
  }
  head.append("\r\n");
  iovec parts[2] = {{.iov_base = head.data(), .iov_len = head.size()},
                    {.iov_base = const_cast<char*>(body.data()), .iov_len = body.size()}};
  finished_ = true;
  if (send_parts({parts, head_request_ || bodiless || body.empty() ? size_t{1} : size_t{2}})) {
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

namespace {

// Pushes up to here go out as one part.
constexpr size_t kSmallPush = 2048;

}  // namespace

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
  if (head_request_) {
    // The head alone is the response.
  } else if (!payload.empty()) {
    if (chunked_) add(chunk_head, http::write_chunk_head(payload.size(), chunk_head));
    add(payload.data(), payload.size());
  }
  if (chunked_ && !head_request_) {
    const std::string_view tail =
        payload.empty() ? (last ? "0\r\n\r\n" : "") : (last ? "\r\n0\r\n\r\n" : "\r\n");
    add(tail.data(), tail.size());
  }
  if (last) finished_ = true;
  // An ordinary event is copied faster than the kernel walks a list of its parts.
  char small[kSmallPush];
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) size += parts[i].iov_len;
  if (count > 1 && size <= sizeof small) {
    char* at = small;
    for (size_t i = 0; i < count; ++i) {
      at = std::copy_n(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len, at);
    }
    parts[0] = {.iov_base = small, .iov_len = size};
    count = 1;
  }
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
    last_sent_ = loop().now();
    drop_front(parts, io.bytes);
  }
  for (const iovec& part : parts) {
    pending_.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  return pending_.empty();
}

Task<Status> HttpCall::flush() {
  const bool own_deadline = scope_.deadline() == TimePoint::max();
  while (!pending_.empty() && !broken_) {
    if (own_deadline) scope_.set_deadline(loop().now() + limits_.write_stall);
    const Io io = co_await stream_.write(scope_, pending_);
    if (own_deadline) scope_.clear_deadline();
    bytes_sent_ += io.bytes;
    last_sent_ = loop().now();
    if (io.ok()) {
      std::string().swap(pending_);
      break;
    }
    pending_.erase(0, io.bytes);
    if (io.kind == Io::kCancelled) co_return fail(ErrorCode::kClientGone, "cancelled");
    if (io.kind == Io::kTimeout && own_deadline && io.bytes > 0) continue;
    broken_ = true;
    if (io.kind == Io::kTimeout) co_return fail(ErrorCode::kTimeout, "the client does not read");
    scope_.cancel(CancelReason::kClientGone);
  }
  if (broken_) co_return fail(ErrorCode::kClientGone, "the client went away");
  co_return Status{};
}

}  // namespace sluice::net
