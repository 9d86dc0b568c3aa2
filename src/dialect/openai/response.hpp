// OpenAI's whole answers: chat.completion, text_completion, embedding list.
#pragma once

#include "dialect/response.hpp"
#include "json/slices.hpp"

namespace sluice::dialect::openai {

/// Reads usage, model and the first choice's finish reason of a valid object.
void read_response(Endpoint endpoint, json::Value body, ResponseFacts& facts);

}  // namespace sluice::dialect::openai
