// A whole request of OpenAI's Responses, to and from the neutral model.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::responses {

/// Reads a client's body, one that understand() has taken. The request is a view of it.
/// kInvalidRequest, with the field in `param`, where it cannot mean anything, or asks for what no
/// other dialect has and cannot be left out: what is stored upstream, tools that OpenAI runs.
Result<chat::Request> parse_responses_request(std::string_view body);

/// What a client of Responses calls the field that the writers of other dialects know as `name`,
/// with or without what follows it: "messages[2]" is "input[2]".
std::string client_field(std::string_view name);

/// Writes the request for the target. Completes the request's tools, names and messages in place.
/// Of what is lost see chat::write_request().
Result<chat::Outgoing> write_responses_request(chat::Request& request, const chat::Target& target);

}  // namespace sluice::dialect::responses
