// A whole request of OpenAI's Chat Completions, to and from the neutral model.
#pragma once

#include <string_view>

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::openai {

/// Reads a client's body, one that understand() has taken. The request is a view of it.
/// kInvalidRequest, with the field in `param`, where it cannot mean anything, or asks for what no
/// other dialect has and cannot be left out: several choices, audio.
Result<chat::Request> parse_chat_request(std::string_view body);

/// Writes the request for the target, an OpenAI-compatible upstream. Completes the request's
/// tools, names and messages in place. Of what is lost see chat::write_request().
Result<chat::Outgoing> write_chat_request(chat::Request& request, const chat::Target& target);

}  // namespace sluice::dialect::openai
