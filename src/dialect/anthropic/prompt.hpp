// What a prompt in Anthropic's dialect is made of.
#pragma once

#include <string_view>

#include "dialect/prompt_tally.hpp"

namespace sluice::dialect::anthropic {

/// POST /v1/messages and /v1/messages/count_tokens.
void read_prompt(std::string_view body, Tally& tally);

}  // namespace sluice::dialect::anthropic
