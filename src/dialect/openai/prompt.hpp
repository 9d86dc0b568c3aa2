// What a prompt in OpenAI's dialect is made of.
#pragma once

#include <string_view>

#include "dialect/prompt_tally.hpp"

namespace sluice::dialect::openai {

/// POST /chat/completions.
void read_chat_prompt(std::string_view body, Tally& tally);
/// POST /responses and /responses/input_tokens. What the upstream keeps (previous_response_id,
/// stored prompts) cannot be counted.
void read_responses_prompt(std::string_view body, Tally& tally);
/// POST /completions with its `prompt`, POST /embeddings with its `input`: texts, or tokens that
/// were counted already.
void read_text_prompt(std::string_view body, std::string_view member, Tally& tally);

}  // namespace sluice::dialect::openai
