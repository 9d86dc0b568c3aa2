#include "dialect/gemini/chunk.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dialect/chat/texts.hpp"

namespace sluice::dialect::gemini {
namespace {

using chat::as_text;
using json::Kind;
using json::Value;

void read_candidate(Value candidate, Chunk& chunk) {
  json::Members members(candidate);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "content") {
      chunk.parts = member.value["parts"];
    } else if (member.key == "finishReason") {
      chunk.finish = as_text(member.value);
    } else if (member.key == "finishMessage") {
      chunk.finish_message = as_text(member.value);
    } else if (member.key == "groundingMetadata") {
      chunk.grounding = member.value["groundingChunks"];
    }
  }
}

}  // namespace

bool read_chunk(std::string_view json, Chunk& chunk) {
  json::Members members(json);
  json::Member member;
  while (members.next(member)) {
    if (member.key == "candidates") {
      Value candidate;
      if (json::Elements(member.value).next(candidate)) read_candidate(candidate, chunk);
    } else if (member.key == "usageMetadata") {
      if (member.value.kind() == Kind::kObject) chunk.usage = member.value;
    } else if (member.key == "modelVersion") {
      chunk.model = as_text(member.value);
    } else if (member.key == "responseId") {
      chunk.id = as_text(member.value);
    } else if (member.key == "promptFeedback") {
      chunk.block = as_text(member.value["blockReason"]);
      chunk.block_message = as_text(member.value["blockReasonMessage"]);
    } else if (member.key == "error") {
      chunk.error = member.value;
    }
  }
  return members.complete();
}

Part read_part(Value value) {
  Part part;
  bool thought = false;
  json::Members members(value);
  json::Member member;
  while (members.next(member)) {
    const Value held = member.value;
    const bool object = held.kind() == Kind::kObject;
    if (member.key == "text" && held.kind() == Kind::kString) {
      part.kind = Part::Kind::kText;
      part.text = as_text(held);
    } else if (member.key == "thought") {
      thought = held.as_bool().value_or(false);
    } else if (member.key == "thoughtSignature") {
      part.signature = as_text(held);
    } else if (member.key == "functionCall" && object) {
      part.kind = Part::Kind::kCall;
      part.id = as_text(held["id"]);
      part.name = as_text(held["name"]);
      part.arguments = held["args"];
    } else if (member.key == "inlineData" && object) {
      part.kind = Part::Kind::kMedia;
      part.media_type = as_text(held["mimeType"]);
      part.data = as_text(held["data"]);
    } else if (member.key == "executableCode" && object) {
      part.kind = Part::Kind::kCode;
      part.text = as_text(held["code"]);
    } else if (member.key == "codeExecutionResult" && object) {
      part.kind = Part::Kind::kCodeResult;
      part.text = as_text(held["output"]);
    }
  }
  if (thought && part.kind == Part::Kind::kText) part.kind = Part::Kind::kThought;
  // The image of a thought is a draft.
  if (thought && part.kind == Part::Kind::kMedia) part.kind = Part::Kind::kNone;
  return part;
}

FinishReason finish_of(const Chunk& chunk) {
  using enum FinishReason;
  using Row = std::pair<std::string_view, FinishReason>;
  static constexpr std::array kReasons = {
      Row{"STOP", kStop},
      Row{"MAX_TOKENS", kLength},
      Row{"CONTINUATION", kLength},
      Row{"SAFETY", kContentFilter},
      Row{"BLOCKLIST", kContentFilter},
      Row{"PROHIBITED_CONTENT", kContentFilter},
      Row{"SPII", kContentFilter},
      Row{"RECITATION", kContentFilter},
      Row{"LANGUAGE", kContentFilter},
      Row{"NO_IMAGE", kContentFilter},
  };
  if (chunk.finish.empty()) return chunk.block.empty() ? kNone : kContentFilter;
  for (const auto& [name, reason] : kReasons) {
    if (chunk.finish == name) return reason;
  }
  return chunk.finish.bytes.starts_with("IMAGE_") ? kContentFilter : kOther;
}

bool is_failure(const Chunk& chunk) {
  static constexpr auto kFailures = std::to_array<std::string_view>(
      {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS",
       "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE"});
  return std::ranges::any_of(kFailures,
                             [&](std::string_view name) { return chunk.finish == name; });
}

bool add_texts(const Chunk& chunk, OutputTexts& texts) {
  using Text = OutputText::Kind;
  bool any = false;
  int64_t calls = 0;
  json::Elements elements(chunk.parts);
  Value element;
  while (elements.next(element)) {
    const Part part = read_part(element);
    any |= !part.text.empty() || !part.data.empty();
    switch (part.kind) {
      case Part::Kind::kText:
      case Part::Kind::kCode:
      case Part::Kind::kCodeResult:
        add_text(texts, Text::kContent, part.text);
        break;
      case Part::Kind::kThought:
        add_text(texts, Text::kReasoning, part.text);
        break;
      case Part::Kind::kCall:
        any = true;
        add_text(texts, Text::kToolName, part.name, calls);
        add_text(texts, Text::kToolArguments, {.bytes = part.arguments.raw(), .escaped = false},
                 calls);
        ++calls;
        break;
      case Part::Kind::kMedia:
      case Part::Kind::kNone:
        break;
    }
  }
  return any;
}

}  // namespace sluice::dialect::gemini
