// The Responses API of the scripted upstream. Pure functions; the shapes are those of
// platform.openai.com's API reference and of the official SDK's types. Errors, models and headers
// are those of the OpenAI dialect (mock/openai.hpp).
#pragma once

#include <string>
#include <string_view>

#include "json/slices.hpp"
#include "mock/answer.hpp"
#include "mock/ask.hpp"

namespace sluice::mock::responses {

/// Reads and validates a request body.
Answered<Ask> read_response(std::string_view body);
Answered<Ask> read_token_count(std::string_view body);

/// Validates `input`, a text or a list of items, and adds its tokens to the ask's.
Answered<void> read_input(json::Value input, Ask& ask);
/// Validates `tools`, and takes the names that part "t" calls. Appends them to the ask's echo with
/// what the API fills in.
Answered<void> read_tools(json::Value tools, Ask& ask);

Answer make_response(const Ask& ask, const Script& script);
Answer make_token_count(const Ask& ask, const Script& script);

Refusal context_exceeded(const Ask& ask);

}  // namespace sluice::mock::responses
