#include "dialect/chat/block_text.hpp"

#include <string>

namespace sluice::dialect::chat {
namespace {

/// The call in short; for its result, what was found.
std::string summary_of(const Block& block) {
  std::string summary = "[" + block.raw["type"].as_string().value_or("tool");
  if (!block.name.empty()) summary += " " + block.name.str();
  if (const auto query = block.raw["input"]["query"].as_string()) {
    summary += " \"" + *query + "\"";
  }
  json::Elements results(block.raw["content"]);
  json::Value result;
  while (results.next(result)) {
    if (const auto title = result["title"].as_string()) summary += "\n" + *title;
    if (const auto url = result["url"].as_string()) summary += " - " + *url;
  }
  return summary + "]";
}

}  // namespace

json::String text_of(const Block& block, Arena& arena) {
  switch (block.kind) {
    case BlockKind::kText:
    case BlockKind::kCompaction:
      return block.text;
    case BlockKind::kToolReference:
      return arena.escaped("[loaded tool: " + std::string(block.name.bytes) + "]");
    case BlockKind::kSearchResult: {
      Joined text("\\n");
      text.add(block.name);
      text.add(block.text);
      for (const Block& part : block.content) {
        if (part.kind == BlockKind::kText) text.add(part.text);
      }
      return text.keep(arena);
    }
    case BlockKind::kServerTool:
      return arena.text(summary_of(block));
    case BlockKind::kOther: {
      if (!(as_text(block.raw["type"]) == "browser_state")) return {};
      std::string json;
      append_compact(json, block.raw.raw());
      return arena.text(json);
    }
    default:
      return {};
  }
}

json::String with_title(json::String title, json::String text, Arena& arena) {
  if (title.empty()) return text;
  Joined joined("\\n");
  joined.add(title);
  joined.add(text);
  return joined.keep(arena);
}

bool is_billing(const Block& block) {
  return block.text.bytes.starts_with("x-anthropic-billing-header:");
}

json::String as_reminder(json::String text, Arena& arena) {
  return arena.escaped("<system-reminder>\\n" + std::string(text.bytes) + "\\n</system-reminder>");
}

}  // namespace sluice::dialect::chat
