// A whole request of Anthropic's Messages, to and from the neutral model.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::anthropic {

/// The `anthropic-version` of requests that are converted: newer ones refuse sampling.
inline constexpr std::string_view kConvertedVersion = "2023-06-01";

/// Reads a client's body, one that understand() has taken. The request is a view of it.
/// kInvalidRequest, with the field in `param`, where it cannot mean anything.
Result<chat::Request> parse_messages_request(std::string_view body);

/// Writes the request for the target, an Anthropic upstream. Completes the request's tools, names
/// and messages in place. In strict mode the first thing lost is an error.
Result<chat::Outgoing> write_messages_request(chat::Request& request, const chat::Target& target);

}  // namespace sluice::dialect::anthropic
