#include "mock/handler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/text.hpp"
#include "mock/openai.hpp"
#include "mock/words.hpp"

namespace sluice::mock {

namespace {

constexpr uint64_t kMostBody = 64 << 20;
/// A text that no script gives is not longer.
constexpr uint64_t kFixedWords = 64;
/// All shared answers of a loop together; beyond it they are made anew.
constexpr size_t kMostMemory = 32 << 20;

Reply error_reply(Dialect dialect, const Refusal& refusal, const Ticket& ticket) {
  Reply reply;
  reply.dialect = dialect;
  reply.status = refusal.status;
  reply.body = render_error(dialect, refusal, ticket.id());
  return reply;
}

std::string new_request_id(Dialect dialect) {
  if (dialect != Dialect::kAnthropic) return "req_" + random_hex(16);
  std::string id = "req_01";
  append_token(id, random_u64(), 22);
  return id;
}

/// Why a body could not be read.
int status_of(ErrorCode code) {
  if (code == ErrorCode::kRequestTooLarge) return 413;
  return code == ErrorCode::kRequestTimeout ? 408 : 400;
}

/// Of a parameter of the query, as it stands; empty when it is not there.
std::string_view parameter(const http::RequestHead& head, std::string_view name) {
  std::string_view query = head.query();
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) {
      return pair.substr(name.size() + 1);
    }
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
  }
  return {};
}

/// The first there is; empty when there is none.
std::string_view credential_of(const http::RequestHead& head, Dialect dialect) {
  std::string_view bearer = head.fields.get("authorization");
  if (istarts_with(bearer, "bearer ")) bearer.remove_prefix(7);
  if (!bearer.empty()) return bearer;
  if (dialect != Dialect::kGemini) return head.fields.get("x-api-key");
  const std::string_view key = head.fields.get("x-goog-api-key");
  return key.empty() ? parameter(head, "key") : key;
}

/// GET /models and /models/{id}.
Reply models_reply(const Place& place, const Ticket& ticket) {
  Reply reply;
  reply.dialect = place.dialect;
  const Speech& speech = speech_of(place.dialect);
  reply.body = place.model.empty() ? speech.models() : speech.model(place.model);
  if (!reply.body.empty()) return reply;
  return error_reply(place.dialect, refusal_for(place.dialect, 404, place.model), ticket);
}

}  // namespace

net::Task<void> Handler::handle(net::HttpCall& call) {
  stats_.set_connections(thread_, server_->connections());
  const std::string_view path = call.head().path();
  if (path.starts_with("/mock/") || path == "/health" || path == "/") {
    co_await control(call);
  } else {
    co_await api(call);
  }
}

std::string Handler::render_refusal(int status, std::string_view reason) {
  return openai::error_body(
      {.status = status, .type = "invalid_request_error", .message = std::string(reason)});
}

net::Task<void> Handler::control(net::HttpCall& call) {
  const std::string_view path = call.head().path();
  const std::string_view method = call.head().method;
  net::HeaderList headers;
  headers.emplace_back("content-type", "application/json");
  int status = 200;
  std::string body = "{}";
  const bool reads = method == "GET" || method == "HEAD";
  if (path == "/health" || path == "/") {
    body = R"({"status":"ok"})";
  } else if (path == "/mock/stats" && reads) {
    body = stats_.stats_json();
  } else if (path == "/mock/stats" && method == "DELETE") {
    stats_.reset();
  } else if (path == "/mock/requests" && reads) {
    body = stats_.requests_json();
  } else if (path == "/mock/endings" && reads) {
    body = stats_.endings_json();
  } else if (const auto pace = parse_u64(parameter(call.head(), "times"));
             path == "/mock/pace" && method == "POST" && pace && *pace >= 1 && *pace <= 1000) {
    stats_.set_pace(static_cast<uint32_t>(*pace));
  } else {
    status = 404;
    body = R"({"error":"GET /mock/stats, DELETE /mock/stats, GET /mock/requests, )"
           R"(GET /mock/endings and POST /mock/pace?times=1..1000 are here"})";
  }
  co_await call.respond(status, headers, body);
}

net::Task<void> Handler::api(net::HttpCall& call) {
  const Dialect dialect = place_of(call.head()).dialect;
  Ticket ticket(stats_, call.scope(), new_request_id(dialect));
  Reply reply;
  {
    const auto body = co_await call.read_body(kMostBody);
    if (body) {
      reply = decide(call.head(), *body, ticket);
    } else if (body.error().code == ErrorCode::kClientGone) {
      co_return;
    } else {
      Refusal refusal = refusal_for(dialect, status_of(body.error().code), "");
      refusal.message = body.error().message;
      reply = error_reply(dialect, refusal, ticket);
    }
  }
  call.release_head();
  co_await play(call, reply, ticket);
}

Reply Handler::decide(const http::RequestHead& head, std::string_view body, Ticket& ticket) {
  const Place place = place_of(head);
  const Speech& speech = speech_of(place.dialect);
  const std::string_view credential = credential_of(head, place.dialect);
  const auto refuse = [&](const Refusal& refusal) {
    return error_reply(place.dialect, refusal, ticket);
  };
  Reply reply;
  if (place.route == nullptr && !place.models) {
    reply = refuse(speech.unknown_url(head.method, head.path()));
  } else if (head.method != (place.models ? "GET" : "POST")) {
    reply = refuse(speech.wrong_method(head.method, head.path()));
  } else if (credential.empty()) {
    reply = refuse(speech.no_credential());
  } else if (credential == "invalid") {
    reply = refuse(speech.bad_credential());
  } else if (place.route == find_route(":streamGenerateContent") &&
             parameter(head, "alt") != "sse") {
    // The API would send one array, bit by bit.
    reply = refuse({.status = 400,
                    .type = "INVALID_ARGUMENT",
                    .message = "The scripted upstream streams with alt=sse alone."});
  } else if (place.models) {
    reply = models_reply(place, ticket);
  } else {
    reply = script_reply(place, head, body, ticket);
  }
  record(head, body, ticket);
  return reply;
}

Reply Handler::script_reply(const Place& place, const http::RequestHead& head,
                            std::string_view body, Ticket& ticket) {
  const Route& route = *place.route;
  ticket.name_caller(head.fields.get("x-request-id"));
  auto ask = route.read(body, place.model);
  if (!ask) return error_reply(route.dialect, ask.error(), ticket);
  ask->stamps = head.fields.get("x-mock-stamp") == "1";
  const Script script = ask->script.for_attempt(ticket.name(ask->model));
  if (script.error_status > 0) {
    Refusal refusal = refusal_for(route.dialect, script.error_status, ask->model);
    if (script.retry_after) refusal.retry_after = *script.retry_after;
    Reply reply = error_reply(route.dialect, refusal, ticket);
    reply.script = script;
    return reply;
  }
  if (script.context > 0 && ask->prompt_tokens > script.context) {
    return error_reply(route.dialect, route.too_long(*ask), ticket);
  }
  Reply reply;
  reply.dialect = route.dialect;
  reply.script = script;
  reply.answer = answer_for(route, *ask, script);
  reply.particulars.prompt_tokens = ask->prompt_tokens;
  if (script.cached) {
    // The end of a prompt is never in a cache.
    constexpr uint64_t kFresh = 3;
    const uint64_t old = std::min<uint64_t>(*script.cached, ask->prompt_tokens);
    const uint64_t rest = ask->prompt_tokens - old;
    reply.particulars.cached_tokens = old;
    reply.particulars.written_tokens = rest - std::min(rest, kFresh);
  }
  ticket.begins(ask->prompt_tokens);
  reply.particulars.seed = random_u64();
  reply.particulars.created = wall_nanos() / 1'000'000'000;
  reply.particulars.echo = std::move(ask->echo);
  if (route.id_length > 0) {
    reply.particulars.id = route.id_prefix;
    append_token(reply.particulars.id, reply.particulars.seed, route.id_length);
  }
  return reply;
}

std::shared_ptr<const Answer> Handler::answer_for(const Route& route, const Ask& ask,
                                                  const Script& script) {
  const auto make = [&] { return std::make_shared<const Answer>(route.make(ask, script)); };
  if (!route.shared) return make();
  // The name tells the script but for what the attempt changes: the faults that are in the bytes.
  // A limit beyond the whole text is none; calls have to fit, too.
  const bool tools = script.tools;
  const uint64_t words =
      tools ? ask.limit : uint64_t{script.events + kThinkingEvents} * script.words + kFixedWords;
  std::string key = fmt::format(
      "{} {:d}{:d}{:d}{:d}{:d}{:d}{:d} {} {} {} {} {} {} {}", route.path, ask.stream, ask.stamps,
      ask.include_usage, ask.hide_thinking, ask.sealed_thinking, script.terminal, script.finish,
      script.malformed_event, script.error_after.value_or(0), ask.pauses_seen, ask.choices,
      std::min(ask.limit, words), ask.model.size(), ask.model);
  if (script.error_after) key += " q";
  if (ask.said_words > 0) key += fmt::format(" after {}", ask.said_words);
  if (tools) key += fmt::format(" {} {} {}", ask.tools[0].size(), ask.tools[0], ask.tools[1]);
  if (const auto found = answers_.find(key); found != answers_.end()) return found->second;
  auto answer = make();
  const size_t memory = answer->memory() + key.size() + 200;
  if (answers_memory_ + memory > kMostMemory) {
    answers_.clear();
    answers_memory_ = 0;
  }
  if (memory <= kMostMemory / 4) {
    answers_memory_ += memory;
    answers_.emplace(std::move(key), answer);
  }
  return answer;
}

void Handler::record(const http::RequestHead& head, std::string_view body, const Ticket& ticket) {
  RecordedRequest request{.id = ticket.id(),
                          .wall_ns = wall_nanos(),
                          .method = std::string(head.method),
                          .target = std::string(head.target),
                          .model = ticket.model(),
                          .headers = {},
                          .body = std::string(body.substr(0, Stats::kMostBody)),
                          .body_bytes = body.size()};
  for (const http::Field& field : head.fields) {
    request.headers.emplace_back(field.name, field.value);
  }
  stats_.record(std::move(request));
}

}  // namespace sluice::mock
