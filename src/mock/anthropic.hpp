// The Anthropic dialect of the scripted upstream: messages, token counts, models. Pure functions;
// the shapes are those of docs.anthropic.com's API reference (version 2023-06-01).
#pragma once

#include <string>
#include <string_view>

#include "json/slices.hpp"
#include "mock/answer.hpp"
#include "mock/ask.hpp"

namespace sluice::mock::anthropic {

/// Reads and validates a request body. Counting tokens needs no max_tokens and does not stream.
Answered<Ask> read_message(std::string_view body);
Answered<Ask> read_token_count(std::string_view body);

/// Refuses what the API refuses of turns that are over: part "v".
Answered<void> check_history(json::Value messages);
/// How often the last turn has paused already: part "p". Refuses what is not that turn.
Answered<void> read_pauses(json::Value messages, Ask& ask);

Answer make_message(const Ask& ask, const Script& script);
Answer make_token_count(const Ask& ask, const Script& script);

/// Why the API would answer with `status`.
Refusal refusal_of(int status, std::string_view model);
Refusal no_credential();
Refusal bad_credential();
Refusal unknown_url(std::string_view method, std::string_view path);
Refusal wrong_method(std::string_view method, std::string_view path);
Refusal unknown_model(std::string_view model);
Refusal context_exceeded(const Ask& ask);
std::string error_body(const Refusal& refusal, std::string_view request_id);

/// The model list, and one entry of it; empty when there is no such model.
std::string models_body();
std::string model_body(std::string_view id);

}  // namespace sluice::mock::anthropic
