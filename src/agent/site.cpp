#include "agent/site.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "http/url.hpp"

namespace sluice::agent {

namespace {

using Connection = std::unique_ptr<net::UpstreamConnection>;

net::Task<Result<std::string>> read_body(net::UpstreamConnection& connection, size_t limit,
                                         net::Scope& scope) {
  std::string body;
  for (;;) {
    net::BodyPiece piece = co_await connection.next(scope);
    for (; piece.kind == net::BodyPiece::kData; piece = connection.ready()) {
      if (piece.data.size() > limit - body.size()) {
        co_return fail(ErrorCode::kProtocol,
                       fmt::format("the answer has more than {} bytes", limit));
      }
      body.append(piece.data);
    }
    switch (piece.kind) {
      case net::BodyPiece::kEnd:
        co_return body;
      case net::BodyPiece::kBroken:
        co_return fail(ErrorCode::kConnectionClosed, "the answer is not whole");
      case net::BodyPiece::kTimeout:
        co_return fail(ErrorCode::kTimeout, "no answer in time");
      case net::BodyPiece::kCancelled:
        co_return fail(ErrorCode::kClientGone, "cancelled");
      case net::BodyPiece::kData:
      case net::BodyPiece::kNone:
        break;
    }
  }
}

}  // namespace

Result<Site> Site::of(std::string_view url, const net::TlsContextPtr& tls) {
  const auto parsed = http::parse_url(url);
  if (!parsed) return std::unexpected(parsed.error());
  Site site;
  site.url = url;
  site.host = parsed->host_header();
  site.path = parsed->path;
  site.origin.host = parsed->host;
  site.origin.port = parsed->port;
  site.origin.pool_key = fmt::format("{} {}", parsed->tls ? "https" : "http", site.host);
  if (parsed->tls) site.origin.tls = tls;
  return site;
}

net::Task<Result<Answer>> ask(net::HttpClient& client, const Site& site, Question question,
                              net::Scope& scope) {
  std::string head =
      fmt::format("{} {}{} HTTP/1.1\r\nhost: {}\r\nuser-agent: sluice-agent\r\n{}", question.method,
                  site.path, question.path, site.host, question.fields);
  if (!question.body.empty()) {
    head += fmt::format("content-type: application/json\r\ncontent-length: {}\r\n",
                        question.body.size());
  }
  head += "\r\n";
  // Beyond the rounds of this loop: what ran before may have taken its time.
  scope.set_deadline(sluice::now() + question.timeout);
  for (bool fresh = false;; fresh = true) {
    auto acquired = co_await client.acquire(site.origin, fresh, scope);
    if (!acquired) co_return std::unexpected(std::move(acquired.error()));
    Connection connection = std::move(*acquired);
    Status status = co_await connection->send(head, question.body, scope);
    if (status) status = co_await connection->read_head(question.method, scope);
    if (!status) {
      const bool stale =
          status.error().code == ErrorCode::kConnectionClosed && connection->reused() && !fresh;
      if (stale) continue;
      co_return std::unexpected(std::move(status.error()));
    }
    Answer answer{.status = connection->head().status, .body = {}};
    auto body = co_await read_body(*connection, question.limit, scope);
    if (!body) co_return std::unexpected(std::move(body.error()));
    answer.body = std::move(*body);
    client.release(site.origin, std::move(connection));
    co_return answer;
  }
}

}  // namespace sluice::agent
