// The OpenAI dialect of the scripted upstream: chat completions, completions, embeddings, models.
// Pure functions; the shapes are those of platform.openai.com's API reference.
#pragma once

#include <string>
#include <string_view>

#include "json/slices.hpp"
#include "mock/answer.hpp"
#include "mock/ask.hpp"

namespace sluice::mock::openai {

/// Reads and validates a request body.
Answered<Ask> read_chat(std::string_view body);
Answered<Ask> read_completion(std::string_view body);
Answered<Ask> read_embedding(std::string_view body);

/// Refuses what the API refuses of messages that are over: part "v".
Answered<void> check_history(json::Value messages);

Answer make_chat(const Ask& ask, const Script& script);
Answer make_completion(const Ask& ask, const Script& script);
Answer make_embeddings(const Ask& ask, const Script& script);

/// Why the API would answer with `status`, as its own words put it.
Refusal refusal_of(int status, std::string_view model);
Refusal no_credential();
Refusal bad_credential();
Refusal unknown_url(std::string_view method, std::string_view path);
Refusal wrong_method(std::string_view method, std::string_view path);
Refusal unknown_model(std::string_view model);
Refusal context_exceeded(const Ask& ask);
std::string error_body(const Refusal& refusal);

/// The model list, and one entry of it; empty when there is no such model.
std::string models_body();
std::string model_body(std::string_view id);

}  // namespace sluice::mock::openai
