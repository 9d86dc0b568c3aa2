// The output text in OpenAI's messages, whole or as the deltas of a stream.
#pragma once

#include "dialect/event_facts.hpp"
#include "dialect/output_text.hpp"
#include "json/reader.hpp"

namespace sluice::dialect::openai {

/// Consumes a message or delta, which must be an object, and appends its texts with choice 0:
/// content, refusal, reasoning under each name in use (`reasoning_content`: DeepSeek, Z.ai;
/// `reasoning`: OpenRouter, Groq, vLLM; `reasoning_details` where it is told in no other way),
/// names and arguments of tool calls, the transcript of audio. True when it holds anything for the
/// user at all: whatever it holds besides the role is content unless it is empty. `parts` gets the
/// calls besides, if given.
bool read_message(json::Reader& reader, OutputTexts& texts, EventParts* parts = nullptr);

/// Sets the choice of the texts from `first` on.
void set_choice(OutputTexts& texts, size_t first, int64_t choice);

/// Consumes a whole answer and appends the texts of all choices.
void read_answer(json::Reader& reader, OutputTexts& texts);

}  // namespace sluice::dialect::openai
