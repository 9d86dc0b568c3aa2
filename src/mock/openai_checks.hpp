// What every endpoint of the OpenAI dialect checks in a body, and the words in which the API
// refuses it.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "json/slices.hpp"
#include "mock/ask.hpp"

namespace sluice::mock::openai {

/// 400 invalid_request_error. `param` and `code`: empty is null.
std::unexpected<Refusal> refuse(std::string message, std::string param = {}, std::string code = {});
std::unexpected<Refusal> missing(std::string param);
std::unexpected<Refusal> wrong_type(std::string param, std::string_view expected, json::Value got);

/// An integer member that may be absent or null.
Answered<std::optional<int64_t>> integer(json::Value body, const char* name, int64_t least,
                                         int64_t most);
/// A boolean member: false when it is absent or null.
Answered<bool> boolean(json::Value body, const char* name);

/// What every endpoint has in common: valid JSON, a model, its script.
Answered<Ask> read_model(std::string_view text);

}  // namespace sluice::mock::openai
