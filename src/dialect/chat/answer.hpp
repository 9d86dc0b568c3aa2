// An answer in terms of neither dialect, and what of the request the answer's conversion needs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "config/config.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/names.hpp"
#include "dialect/usage.hpp"

namespace sluice::dialect::chat {

/// How an object is had from a model that was asked for one.
enum class JsonOutput : uint8_t {
  kNone,
  kNative,       // the upstream holds to the schema itself
  kForcedTool,   // the input of the tool kJsonTool is the answer
  kInstruction,  // asked for in the prompt: a fence around it is taken off
};

/// Name of the tool that JsonOutput::kForcedTool makes the model call.
inline constexpr std::string_view kJsonTool = "json_output";

/// What the conversion of a request leaves for that of its answer. Owns all it holds, so that it
/// may outlive the request.
struct AnswerPlan {
  /// The model's name that the client is shown; empty: the upstream's.
  std::string model;
  NameMap tool_names;
  JsonOutput json = JsonOutput::kNone;
  bool legacy_functions = false;
  /// OpenAI clients: the chunk with usage was asked for.
  bool include_usage = false;
  /// OpenAI clients: thinking is shown as reasoning_content and thinking_blocks.
  bool expose_reasoning = true;
  /// The client has asked for thinking, and plays back what it gets of it.
  bool shows_thinking = false;
  /// What any client sees of it.
  config::ReasoningDisplay reasoning = config::ReasoningDisplay::kShown;
  /// Stop sequences that the upstream does not take, decoded. Output ends before the first.
  std::vector<std::string> stop_scan;
  /// Who mints the tokens in signatures of thinking (signature.hpp); empty: none are made.
  std::string provider;
  /// Under which signatures are made.
  Secret signature_key;
  /// Responses clients: what the response repeats of the request, see Request::echo.
  std::string echo;
  /// OpenAI's `created`: seconds since the epoch.
  int64_t created = 0;
  /// The stream began as the upstream's own bytes: what it said of itself stands as it was.
  bool taken_over = false;
};

/// Why an answer ended, with what either dialect says about it.
struct Stop {
  FinishReason reason = FinishReason::kNone;
  json::String sequence;     // kStopSequence: the one that matched
  json::String category;     // kContentFilter, where told
  json::String explanation;  // kContentFilter, where told
};

struct Annotation {
  json::String url;
  json::String title;
  json::String of = {};  // the text that it belongs to, as its block holds it; empty: not told
};

struct Answer {
  Arena arena;
  json::String id;     // the upstream's
  json::String model;  // the upstream's
  /// kText, kThinking, kRedactedThinking, kToolUse; kServerTool and kOther with `raw`.
  std::vector<Block> blocks;
  std::vector<Annotation> annotations;
  Stop stop;
  /// The arguments of the last call were cut off, and completed.
  bool cut = false;
  Usage usage;
  json::String service_tier;
  /// What was lost in reading.
  std::vector<std::string> dropped;
};

}  // namespace sluice::dialect::chat
