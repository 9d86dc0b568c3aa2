// What a dialect calls the end of an answer, and its usage: the same in whole answers and streams.
#pragma once

#include <string_view>

#include "dialect/chat/answer.hpp"
#include "dialect/usage.hpp"
#include "json/writer.hpp"

namespace sluice::dialect::chat {

/// A finish_reason of OpenAI's. `tools`: a call was handed to the client.
std::string_view openai_finish(FinishReason reason, bool tools, bool legacy_functions);

/// A stop_reason of Anthropic's. `tools`: a call was handed to the client, which then must answer
/// it, whatever the upstream said. `cut`: the arguments of the last call are not complete JSON.
std::string_view anthropic_stop(FinishReason reason, bool tools, bool cut);

/// The object of `usage`.
void write_openai_usage(json::Writer& out, const Usage& usage);
/// All members that clients read, those not known as null. `service_tier` is the upstream's word.
void write_anthropic_usage(json::Writer& out, const Usage& usage, json::String service_tier);

/// The upstream's id with the client dialect's prefix ("chatcmpl-", "msg_") in place of its own.
json::String answer_id(json::String upstream, std::string_view prefix, Arena& arena);

}  // namespace sluice::dialect::chat
