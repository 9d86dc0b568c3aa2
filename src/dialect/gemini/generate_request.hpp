// A request for Gemini's generateContent, from the neutral model.
#pragma once

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::gemini {

/// Writes the request for the target. Completes the request's tools, names and messages in place.
/// Of what is lost see chat::write_request().
Result<chat::Outgoing> write_generate_request(chat::Request& request, const chat::Target& target);

}  // namespace sluice::dialect::gemini
