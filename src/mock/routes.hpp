// Which request is for whom. A further dialect is a row in routes.cpp and its pair of functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/head.hpp"
#include "mock/answer.hpp"
#include "mock/ask.hpp"
#include "net/http_call.hpp"

namespace sluice::mock {

enum class Dialect : uint8_t { kOpenAi, kAnthropic };

/// One endpoint that answers by script.
struct Route {
  std::string_view path;  // without /v1
  Dialect dialect;
  std::string_view id_prefix;  // of an answer's id
  uint8_t id_length;           // of what follows the prefix
  Answered<Ask> (*read)(std::string_view body);
  Answer (*make)(const Ask& ask, const Script& script);
  // The answer follows from the model's name and a few options, so that requests can share it.
  bool shared;
};

/// Without query, trailing slash and a leading /v1.
std::string_view bare_path(std::string_view path);

/// nullptr when nothing answers there.
const Route* find_route(std::string_view bare_path);

/// The dialect whose client sent this head, where the path does not tell.
Dialect dialect_of(const http::RequestHead& head);

/// An error in the form of the dialect.
std::string render_error(Dialect dialect, const Refusal& refusal, std::string_view request_id);
/// What the dialect's API says with this status.
Refusal refusal_for(Dialect dialect, int status, std::string_view model);

/// Header fields of an answer. `retry_after` in seconds; negative is none.
net::HeaderList answer_headers(Dialect dialect, int status, std::string_view content_type,
                               std::string_view request_id, int64_t retry_after);

}  // namespace sluice::mock
