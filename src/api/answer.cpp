#include "api/answer.hpp"

#include <algorithm>
#include <optional>

#include "dialect/errors.hpp"
#include "observe/trace_context.hpp"

namespace sluice::api {

namespace {

constexpr auto kSendTime = std::chrono::seconds(30);

net::Task<void> send(net::HttpCall& call, int status, net::HeaderList headers, std::string body) {
  call.scope().set_deadline(call.loop().now() + kSendTime);
  co_await call.respond(status, headers, body);
}

net::Task<void> send_error(net::HttpCall& call, dialect::ErrorAnswer answer,
                           net::HeaderList headers) {
  headers.emplace_back("content-type", "application/json");
  const bool told =
      std::ranges::any_of(headers, [](const auto& each) { return each.first == "retry-after"; });
  if (answer.wants_retry_after && !told) headers.emplace_back("retry-after", "1");
  co_await send(call, answer.status, std::move(headers), std::move(answer.body));
}

std::string id_of(const net::HttpCall& call) {
  return observe::request_id(call.head().fields.get("x-request-id"));
}

net::HeaderList id_headers(const std::string& id, std::optional<dialect::Dialect> dialect) {
  net::HeaderList headers;
  headers.emplace_back("x-request-id", id);
  if (dialect == dialect::Dialect::kAnthropic) headers.emplace_back("request-id", id);
  return headers;
}

Error wrong_method(std::string_view allowed) {
  return {.code = ErrorCode::kMethodNotAllowed,
          .message = "this route takes " + std::string(allowed),
          .param = {}};
}

}  // namespace

net::Task<void> answer_text(net::HttpCall& call, int status, std::string_view type,
                            std::string body) {
  net::HeaderList headers;
  headers.emplace_back("content-type", std::string(type));
  headers.emplace_back("cache-control", "no-store");
  co_await send(call, status, std::move(headers), std::move(body));
}

net::Task<void> answer_json(net::HttpCall& call, int status, std::string body) {
  co_await answer_text(call, status, "application/json", std::move(body));
}

net::Task<void> answer_json(net::HttpCall& call, dialect::Dialect dialect, std::string body) {
  net::HeaderList headers = id_headers(id_of(call), dialect);
  headers.emplace_back("content-type", "application/json");
  headers.emplace_back("cache-control", "no-store");
  co_await send(call, 200, std::move(headers), std::move(body));
}

net::Task<void> answer_error(net::HttpCall& call, Error error) {
  const std::string id = id_of(call);
  co_await send_error(call, dialect::render_neutral_error(error, id), id_headers(id, {}));
}

net::Task<void> answer_error(net::HttpCall& call, Error error, net::HeaderList headers) {
  const std::string id = id_of(call);
  for (auto& each : id_headers(id, {})) headers.push_back(std::move(each));
  co_await send_error(call, dialect::render_neutral_error(error, id), std::move(headers));
}

net::Task<void> answer_error(net::HttpCall& call, dialect::Dialect dialect, Error error) {
  const std::string id = id_of(call);
  co_await send_error(call, dialect::render_error(dialect, error, id), id_headers(id, dialect));
}

net::Task<void> answer_wrong_method(net::HttpCall& call, std::string_view allowed) {
  const std::string id = id_of(call);
  net::HeaderList headers = id_headers(id, {});
  headers.emplace_back("allow", allowed);
  co_await send_error(call, dialect::render_neutral_error(wrong_method(allowed), id),
                      std::move(headers));
}

net::Task<void> answer_wrong_method(net::HttpCall& call, dialect::Dialect dialect,
                                    std::string_view allowed) {
  const std::string id = id_of(call);
  net::HeaderList headers = id_headers(id, dialect);
  headers.emplace_back("allow", allowed);
  co_await send_error(call, dialect::render_error(dialect, wrong_method(allowed), id),
                      std::move(headers));
}

}  // namespace sluice::api
