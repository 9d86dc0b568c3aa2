// The Gemini dialect of the scripted upstream: generateContent, streamGenerateContent (as events),
// countTokens, models. Pure functions; the shapes are those of ai.google.dev's API reference
// (v1beta) and of the official SDK's types.
#pragma once

#include <string>
#include <string_view>

#include "json/slices.hpp"
#include "mock/answer.hpp"
#include "mock/ask.hpp"

namespace sluice::mock::gemini {

/// Reads and validates a request body; the path names the model.
Answered<Ask> read_generate(std::string_view body, std::string_view model);
Answered<Ask> read_stream(std::string_view body, std::string_view model);
Answered<Ask> read_token_count(std::string_view body, std::string_view model);

/// Validates `contents` and adds their tokens to the ask's. With `signed_calls`, calls that are
/// played back need the signature that came with them.
Answered<void> read_contents(json::Value contents, bool signed_calls, Ask& ask);
/// The same of a single content at `place`, in which anything may stand.
Answered<void> read_content(json::Value content, const std::string& place, Ask& ask);
/// Validates `tools`, and takes the names that part "t" calls.
Answered<void> read_tools(json::Value tools, Ask& ask);

Answer make_content(const Ask& ask, const Script& script);
Answer make_token_count(const Ask& ask, const Script& script);

/// Why the API would answer with `status`. The type of a refusal is Google's status, its parameter
/// the field at fault, its code the reason.
Refusal refusal_of(int status, std::string_view model);
Refusal no_credential();
Refusal bad_credential();
Refusal unknown_url(std::string_view method, std::string_view path);
Refusal wrong_method(std::string_view method, std::string_view path);
Refusal context_exceeded(const Ask& ask);
std::string error_body(const Refusal& refusal);

/// The model list, and one entry of it; empty when there is no such model.
std::string models_body();
std::string model_body(std::string_view id);

}  // namespace sluice::mock::gemini
