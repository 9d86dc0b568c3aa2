// What every part of a Gemini request is checked for, in the words of Google's JSON parser.
// Members may be written in camelCase, as documented, or in snake_case, as in the protocol buffers
// behind.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "json/slices.hpp"
#include "mock/ask.hpp"

namespace sluice::mock::gemini {

/// 400 INVALID_ARGUMENT. With a `field`, the details name it.
std::unexpected<Refusal> refuse(std::string message, std::string field = {});

/// The value of a member, whichever way its name is written; it may be absent.
json::Value member(json::Value object, std::string_view camel);

/// Refuses a value that is no object, and members beyond `known` (in camelCase). `place` is empty
/// for the request itself.
Answered<void> check_object(json::Value object, const std::string& place,
                            std::span<const std::string_view> known);
/// Refuses a value that is there and is no list.
Answered<void> check_list(json::Value list, const std::string& place);
/// Refuses a value that is there and is not of the kind; `type` is what the message calls it.
Answered<void> check_kind(json::Value value, json::Kind kind, const std::string& place,
                          std::string_view type);

}  // namespace sluice::mock::gemini
