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

enum class Dialect : uint8_t { kOpenAi, kAnthropic, kGemini };

/// One endpoint that answers by script.
struct Route {
  std::string_view path;  // without the version; of Gemini's, what follows the model's name
  Dialect dialect;
  std::string_view id_prefix;  // of an answer's id
  uint8_t id_length;           // of what follows the prefix; 0: there is no id
  // `model` is what the path names, empty where the body does.
  Answered<Ask> (*read)(std::string_view body, std::string_view model);
  Answer (*make)(const Ask& ask, const Script& script);
  Refusal (*too_long)(const Ask& ask);
  // The answer follows from the model's name and a few options, so that requests can share it.
  bool shared;
};

/// What a dialect says beside its answers.
struct Speech {
  Refusal (*no_credential)();
  Refusal (*bad_credential)();
  Refusal (*unknown_url)(std::string_view method, std::string_view path);
  Refusal (*wrong_method)(std::string_view method, std::string_view path);
  // The model list, and one entry of it; empty when there is no such model.
  std::string (*models)();
  std::string (*model)(std::string_view id);
};
const Speech& speech_of(Dialect dialect);

/// What a request is for. Views of its head.
struct Place {
  Dialect dialect = Dialect::kOpenAi;  // where the path does not tell, its client's
  const Route* route = nullptr;        // nullptr: it is not for an endpoint that answers by script
  bool models = false;                 // it is for the list of models, or for `model` in it
  std::string_view model = {};         // that the path names
};
Place place_of(const http::RequestHead& head);

/// nullptr when nothing answers there. `path` as in the table.
const Route* find_route(std::string_view path);

/// An error in the form of the dialect.
std::string render_error(Dialect dialect, const Refusal& refusal, std::string_view request_id);
/// What the dialect's API says with this status.
Refusal refusal_for(Dialect dialect, int status, std::string_view model);

/// Header fields of an answer, which is a stream of events or JSON. `retry_after` in seconds;
/// negative is none.
net::HeaderList answer_headers(Dialect dialect, int status, bool events,
                               std::string_view request_id, int64_t retry_after);

}  // namespace sluice::mock
