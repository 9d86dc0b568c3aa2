#include "admin/client.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "http/head.hpp"
#include "http/url.hpp"
#include "json/slices.hpp"
#include "net/unix_socket.hpp"

namespace sluice::admin {

namespace {

constexpr size_t kMaxAnswer = size_t{64} << 20;
// A backup of a large database takes its time; the gateway has deadlines of its own.
constexpr time_t kPatienceSeconds = 900;

std::unexpected<Error> broken(std::string_view what) {
  return fail(ErrorCode::kIo, fmt::format("the gateway's socket: {}", what));
}

/// Closes at the end of a block.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {
    const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status send_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return broken(std::strerror(errno));
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return {};
  }

  Result<std::string> read_to_end() const {
    std::string all;
    char buffer[16 * 1024];
    for (;;) {
      const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return broken(errno == EAGAIN ? "no answer" : std::strerror(errno));
      if (got == 0) return all;
      all.append(buffer, static_cast<size_t>(got));
      if (all.size() > kMaxAnswer) return broken("the answer is too large");
    }
  }

 private:
  int fd_;
};

/// What an answer with an error status says.
Error error_in(int status, std::string_view body) {
  const json::Value error = json::Value(body)["error"];
  auto message = error["message"].as_string();
  return {.code = status == 404   ? ErrorCode::kNotFound
                  : status == 412 ? ErrorCode::kPreconditionFailed
                                  : ErrorCode::kInvalidRequest,
          .message = message ? std::move(*message) : fmt::format("the gateway answered {}", status),
          .param = error["field"].as_string().value_or("")};
}

/// Of a request's head, besides those that every request has.
std::vector<std::pair<std::string_view, std::string>> headers_of(const Question& question) {
  std::vector<std::pair<std::string_view, std::string>> headers;
  // Escaped, since a name may hold what no head may.
  if (!question.user.empty()) {
    headers.emplace_back(kActAsHeader, http::percent_encode(question.user));
  }
  if (!question.if_match.empty()) headers.emplace_back("if-match", question.if_match);
  return headers;
}

}  // namespace

std::string socket_path(const config::Config& config) { return config.data_dir + "/sluice.sock"; }

store::Options database_options(const config::Config& config) {
  std::string url(config.database_url.expose());
  if (url.empty()) url = "sqlite:" + config.data_dir + "/sluice.db";
  return {.url = std::move(url),
          .data_dir = config.data_dir,
          .durability = config.ledger.durability == config::LedgerDurability::kPower
                            ? store::Durability::kPower
                            : store::Durability::kProcess,
          .pool = static_cast<size_t>(config.database_pool),
          .spool = config.ledger.spool};
}

Result<std::optional<Client>> Client::running(const config::Config& config) {
  Client client;
  client.socket_ = socket_path(config);
  const auto fd = net::connect_unix(client.socket_);
  if (fd) {
    close(*fd);
    return client;
  }
  if (fd.error().code != ErrorCode::kUpstreamUnreachable) return std::unexpected(fd.error());
  return std::nullopt;
}

Result<Client> Client::open(const config::Config& config, Alone alone) {
  auto gateway = running(config);
  if (!gateway) return std::unexpected(std::move(gateway.error()));
  if (*gateway) return std::move(**gateway);
  Client client;
  auto database = store::Database::open(database_options(config));
  if (!database) return std::unexpected(database.error());
  client.database_ = std::move(*database);
  auto identity = Identity::open(client.database_->identities(), client.database_->key_secret(),
                                 Identity::options_of(config));
  if (!identity) return std::unexpected(identity.error());
  client.identity_ = std::move(*identity);
  client.service_ = std::make_unique<Service>(
      *client.database_, Running{.identity = client.identity_.get(), .probe = alone.probe});
  client.alone_ = std::move(alone);
  return client;
}

Status Client::configure() {
  if (effective_ || !alone_.options) return {};
  const auto config = config::load(*alone_.options);
  if (!config) return std::unexpected(config.error());
  auto sealer = EffectiveConfig::sealer_of(*config);
  if (!sealer) return std::unexpected(sealer.error());
  auto effective = EffectiveConfig::open(database_->catalog(), std::move(*sealer), *alone_.options);
  if (!effective) return std::unexpected(effective.error());
  effective_ = std::move(*effective);
  service_->use(*effective_);
  return {};
}

Result<Reply> Client::ask(const Question& question) {
  if (!service_) return ask_gateway(question);
  const std::string_view path =
      std::string_view(question.target).substr(0, question.target.find('?'));
  if (Service::configures(question.method, path)) {
    if (Status done = configure(); !done) return std::unexpected(done.error());
  }
  Request request{.method = std::string(question.method),
                  .target = question.target,
                  .body = question.body,
                  .who = Principal::shell(fmt::format("shell:{}", getuid()))};
  for (const auto& [name, value] : headers_of(question)) request.headers.emplace_back(name, value);
  auto answer = service_->handle(request);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->refused) return std::unexpected(std::move(*answer->refused));
  Reply reply{.body = std::move(answer->body), .etag = {}};
  for (auto& [name, value] : answer->headers) {
    if (name == "etag") reply.etag = std::move(value);
  }
  return reply;
}

Result<Reply> Client::ask_gateway(const Question& question) const {
  const auto fd = net::connect_unix(socket_);
  if (!fd) return std::unexpected(fd.error());
  const Connection connection(*fd);
  std::string request = fmt::format(
      "{} {} HTTP/1.1\r\nhost: sluice\r\nconnection: close\r\ncontent-type: application/json\r\n"
      "content-length: {}\r\n",
      question.method, question.target, question.body.size());
  for (const auto& [name, value] : headers_of(question)) {
    request += fmt::format("{}: {}\r\n", name, value);
  }
  request += "\r\n" + question.body;
  if (Status sent = connection.send_all(request); !sent) return std::unexpected(sent.error());
  const auto answer = connection.read_to_end();
  if (!answer) return std::unexpected(answer.error());
  size_t scanned = 0;
  http::ResponseHead head;
  const auto parsed = http::parse_response_head(*answer, scanned, {}, question.method, head);
  if (parsed.state != http::HeadState::kDone) return broken("closed before it had answered");
  const std::string_view content = std::string_view(*answer).substr(parsed.consumed);
  if (head.framing != http::Framing::kSized || content.size() != head.content_length) {
    return broken("the answer is cut short");
  }
  if (head.status >= 300) return std::unexpected(error_in(head.status, content));
  return Reply{.body = std::string(content), .etag = std::string(head.fields.get("etag"))};
}

}  // namespace sluice::admin
