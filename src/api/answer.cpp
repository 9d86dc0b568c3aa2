#include "api/answer.hpp"

#include "dialect/errors.hpp"
#include "observe/trace_context.hpp"

namespace sluice::api {

namespace {

constexpr auto kSendTime = std::chrono::seconds(30);

net::Task<void> send(net::HttpCall& call, int status, net::HeaderList headers, std::string body) {
  call.scope().set_deadline(call.loop().now() + kSendTime);
  co_await call.respond(status, headers, body);
}

net::Task<void> send_error(net::HttpCall& call, dialect::ErrorAnswer answer, std::string id) {
  net::HeaderList headers;
  headers.emplace_back("content-type", "application/json");
  headers.emplace_back("x-request-id", std::move(id));
  if (answer.wants_retry_after) headers.emplace_back("retry-after", "1");
  co_await send(call, answer.status, std::move(headers), std::move(answer.body));
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

net::Task<void> answer_error(net::HttpCall& call, Error error) {
  std::string id = observe::request_id(call.head().fields.get("x-request-id"));
  auto answer = dialect::render_neutral_error(error, id);
  co_await send_error(call, std::move(answer), std::move(id));
}

net::Task<void> answer_error(net::HttpCall& call, dialect::Dialect dialect, Error error) {
  std::string id = observe::request_id(call.head().fields.get("x-request-id"));
  auto answer = dialect::render_error(dialect, error, id);
  co_await send_error(call, std::move(answer), std::move(id));
}

net::Task<void> answer_wrong_method(net::HttpCall& call, std::string_view allowed) {
  std::string id = observe::request_id(call.head().fields.get("x-request-id"));
  const Error error{.code = ErrorCode::kMethodNotAllowed,
                    .message = "this route takes " + std::string(allowed),
                    .param = {}};
  auto answer = dialect::render_neutral_error(error, id);
  net::HeaderList headers;
  headers.emplace_back("content-type", "application/json");
  headers.emplace_back("allow", std::string(allowed));
  headers.emplace_back("x-request-id", std::move(id));
  co_await send(call, answer.status, std::move(headers), std::move(answer.body));
}

}  // namespace sluice::api
