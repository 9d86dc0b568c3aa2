#include "dialect/chat/json_instruction.hpp"

namespace sluice::dialect::chat {

std::string json_instruction(const OutputFormat& output) {
  if (output.kind != OutputFormat::Kind::kJsonSchema) {
    return "Answer with exactly one JSON object, without prose and without code fences.";
  }
  std::string text =
      "Answer with exactly one JSON value that conforms to this JSON schema, without prose and "
      "without code fences:\n";
  append_compact(text, output.schema.raw());
  return text;
}

}  // namespace sluice::dialect::chat
