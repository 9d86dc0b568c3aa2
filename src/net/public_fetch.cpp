#include "net/public_fetch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "http/web_url.hpp"
#include "net/public_address.hpp"
#include "net/upstream_connection.hpp"

namespace sluice::net {
namespace {

constexpr int kMaxRedirects = 3;

using http::WebUrl;

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kInvalidRequest, std::move(message));
}

/// The one answer for all that a stranger could learn a private network's map from.
std::unexpected<Error> unreachable() {
  return refuse("The URL cannot be fetched: no public server answers there at port 80 or 443.");
}

std::unexpected<Error> too_large(size_t limit) {
  return refuse(fmt::format("The URL cannot be fetched: there are more than {} bytes.", limit));
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Of a Content-Type field.
std::string media_type(std::string_view value) {
  return to_lower(trim(value.substr(0, value.find(';'))));
}

bool accepts(std::string_view list, std::string_view type) {
  bool found = false;
  for_each_in_list(list, [&](std::string_view each) {
    found = found || each == type ||
            (each.ends_with("/*") && type.starts_with(each.substr(0, each.size() - 1)));
  });
  return found;
}

class Fetch {
 public:
  Fetch(const FetchPolicy& policy, const Resolve& resolve, std::string_view accept, Scope& scope)
      : policy_(policy), resolve_(resolve), accept_(accept), scope_(scope) {}

  Task<Result<Fetched>> run(WebUrl url);

 private:
  /// Connects, asks, and reads the head of the answer.
  Task<Status> ask(const WebUrl& url);
  Task<Result<std::unique_ptr<ByteStream>>> connect(const http::Url& origin);
  /// Where the answer sends to.
  Result<WebUrl> follow(const WebUrl& from) const;
  Status check_head();
  Task<Result<std::string>> read_body();
  std::unexpected<Error> ended(const Error& error) const;

  const FetchPolicy& policy_;
  const Resolve& resolve_;
  std::string_view accept_;
  Scope& scope_;
  std::optional<UpstreamConnection> connection_;
};

Task<Result<Fetched>> Fetch::run(WebUrl url) {
  for (int redirects = 0;; ++redirects) {
    if (Status asked = co_await ask(url); !asked) co_return std::unexpected(asked.error());
    if (!is_redirect(connection_->head().status)) break;
    if (redirects == kMaxRedirects)
      co_return refuse("The URL cannot be fetched: too many redirects.");
    auto next = follow(url);
    if (!next) co_return std::unexpected(std::move(next.error()));
    url = std::move(*next);
  }
  if (Status fits = check_head(); !fits) co_return std::unexpected(fits.error());
  Fetched fetched;
  fetched.media_type = media_type(connection_->head().fields.get("content-type"));
  auto body = co_await read_body();
  if (!body) co_return std::unexpected(std::move(body.error()));
  if (body->empty()) co_return refuse("The URL cannot be fetched: there is nothing.");
  fetched.body = std::move(*body);
  co_return fetched;
}

Task<Status> Fetch::ask(const WebUrl& url) {
  connection_.reset();
  auto stream = co_await connect(url.origin);
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  connection_.emplace(std::move(*stream), false);
  const std::string head = fmt::format(
      "GET {} HTTP/1.1\r\nhost: {}\r\nuser-agent: sluice\r\naccept: {}\r\n"
      "accept-encoding: identity\r\nconnection: close\r\n\r\n",
      url.target, url.origin.host_header(), accept_);
  Status status = co_await connection_->send(head, {}, scope_);
  if (status) status = co_await connection_->read_head("GET", scope_);
  if (!status) co_return ended(status.error());
  co_return Status{};
}

Task<Result<std::unique_ptr<ByteStream>>> Fetch::connect(const http::Url& origin) {
  if (origin.tls && !policy_.tls) co_return unreachable();
  const auto addresses = co_await resolve_(origin.host, origin.port, scope_);
  if (scope_.cancelled()) co_return fail(ErrorCode::kClientGone, "cancelled");
  // With one address that is not public the name is not asked at all: which of its addresses were
  // taken would be for whoever answers for the name to choose.
  const bool good = addresses && std::ranges::all_of(**addresses, [&](const Address& each) {
                      return may_ask(policy_, each);
                    });
  if (!good) co_return unreachable();
  auto socket = co_await connect_to(**addresses, scope_);
  Result<std::unique_ptr<ByteStream>> stream = std::unexpected(Error{});
  if (socket && origin.tls) {
    stream = co_await tls_connect(std::move(*socket), policy_.tls, origin.host, nullptr, scope_);
  } else if (socket) {
    stream = make_plain_stream(std::move(*socket));
  }
  if (scope_.cancelled()) co_return fail(ErrorCode::kClientGone, "cancelled");
  if (!stream) co_return unreachable();
  co_return std::move(*stream);
}

Result<WebUrl> Fetch::follow(const WebUrl& from) const {
  const std::string_view location = connection_->head().fields.get("location");
  auto next = http::resolve_reference(from, location);
  if (location.empty() || !next) {
    return refuse("The URL cannot be fetched: it redirects to what is no web address.");
  }
  if (from.origin.tls && !next->origin.tls) {
    return refuse("The URL cannot be fetched: it redirects from https to http.");
  }
  return next;
}

Status Fetch::check_head() {
  const http::ResponseHead& head = connection_->head();
  if (head.status != 200) {
    return refuse(
        fmt::format("The URL cannot be fetched: the server answered with status {}.", head.status));
  }
  const std::string_view coding = head.fields.get("content-encoding");
  if (!coding.empty() && !iequals(coding, "identity")) {
    return refuse(
        "The URL cannot be fetched: the server answered in a coding it was not asked for.");
  }
  if (!accepts(accept_, media_type(head.fields.get("content-type")))) {
    return refuse(
        fmt::format("The URL cannot be fetched: its content type must be one of {}.", accept_));
  }
  if (head.framing == http::Framing::kSized && head.content_length > policy_.max_size) {
    return too_large(policy_.max_size);
  }
  return {};
}

Task<Result<std::string>> Fetch::read_body() {
  std::string body;
  for (;;) {
    BodyPiece piece = co_await connection_->next(scope_);
    for (; piece.kind == BodyPiece::kData; piece = connection_->ready()) {
      if (piece.data.size() > policy_.max_size - body.size()) {
        co_return too_large(policy_.max_size);
      }
      body.append(piece.data);
    }
    switch (piece.kind) {
      case BodyPiece::kEnd:
        co_return body;
      case BodyPiece::kBroken:
        co_return ended({.code = ErrorCode::kConnectionClosed, .message = {}, .param = {}});
      case BodyPiece::kTimeout:
        co_return ended({.code = ErrorCode::kTimeout, .message = {}, .param = {}});
      case BodyPiece::kCancelled:
        co_return fail(ErrorCode::kClientGone, "cancelled");
      case BodyPiece::kData:
      case BodyPiece::kNone:
        break;
    }
  }
}

/// Of an exchange with a server that may be asked.
std::unexpected<Error> Fetch::ended(const Error& error) const {
  if (scope_.cancelled()) return fail(ErrorCode::kClientGone, "cancelled");
  if (error.code == ErrorCode::kTimeout) {
    return refuse("The URL cannot be fetched: the server took too long.");
  }
  return refuse("The URL cannot be fetched: the server's answer is not whole.");
}

}  // namespace

bool may_ask(const FetchPolicy& policy, const Address& address) {
  const auto ip = IpAddress::parse(address.host());
  if (!ip) return false;
  if (contains(policy.allow, *ip)) return true;
  return is_public(*ip) && (address.port() == 80 || address.port() == 443);
}

Task<Result<Fetched>> fetch_public(const FetchPolicy& policy, const Resolve& resolve,
                                   std::string url, std::string_view accept, Scope& scope) {
  auto parsed = http::parse_web_url(url);
  if (!parsed) co_return std::unexpected(std::move(parsed.error()));
  scope.set_deadline(sluice::now() + policy.timeout);
  Fetch fetch(policy, resolve, accept, scope);
  co_return co_await fetch.run(std::move(*parsed));
}

}  // namespace sluice::net
