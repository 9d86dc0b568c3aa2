// The content of a message in OpenAI's dialect, and the tools of a request: what Chat Completions
// and Responses have in common.
#pragma once

#include "dialect/openai/tool_text.hpp"
#include "dialect/prompt_tally.hpp"

namespace sluice::dialect::openai {

/// A string, or an array of parts. Consumes one value.
void read_content(json::Reader& reader, Tally& tally);

/// The tools of a request, added up when all of it is read.
class Tools {
 public:
  /// `tools` in the form of Chat Completions (the function is a member), of Responses (its fields
  /// are the tool's) or `functions`. Consumes one value.
  void read(json::Reader& reader, Tally& tally);
  /// `tool_choice` or `function_call`.
  void read_choice(json::Reader& reader, Tally& tally);
  /// `after_system`: a system message is there, and the tools share its frame.
  void finish(bool after_system, Tally& tally);

 private:
  ToolText text_;
  bool any_ = false;
  bool forced_ = false;
};

/// The JSON schema that an answer must have, inside of `response_format` or `text`.
void read_format(json::Reader& reader, Tally& tally);

}  // namespace sluice::dialect::openai
