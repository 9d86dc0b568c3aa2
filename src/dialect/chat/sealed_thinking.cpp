#include "dialect/chat/sealed_thinking.hpp"

#include "dialect/chat/reading.hpp"
#include "dialect/chat/signature.hpp"

namespace sluice::dialect::chat {
namespace {

// Two of Anthropic's blocks, as they stand in its messages.
constexpr std::string_view kThinking = "thinking";
constexpr std::string_view kRedacted = "redacted_thinking";

std::string payload_of(const Block& block) {
  std::string payload;
  json::Writer out(payload);
  const bool redacted = block.kind == BlockKind::kRedactedThinking;
  out.begin_object().member("type", redacted ? kRedacted : kThinking);
  if (redacted) {
    out.key("data");
  } else {
    out.key("thinking");
    write_text(out, block.text);
    out.key("signature");
  }
  write_text(out, block.signature);
  out.end_object();
  return payload;
}

}  // namespace

std::string seal_thinking(const Block& block, std::string_view provider, std::string_view key) {
  if (is_gateway_signature(block.signature.bytes)) return block.signature.str();
  if (key.empty()) return {};
  if (block.signature.empty()) return mint_signature(provider, {}, key);
  return mint_signature(provider, payload_of(block), key);
}

bool unseal_thinking(Block& block, std::string_view provider, std::string_view key, Arena& arena) {
  if (!is_gateway_signature(block.signature.bytes)) return false;
  auto payload = open_signature(block.signature.str(), provider, key);
  if (!payload || !json::valid(*payload)) return false;
  const json::Value sealed = arena.value(std::move(*payload));
  const auto [type, thinking, signature, data] =
      members_of(sealed, {"type", "thinking", "signature", "data"});
  if (as_text(type) == kRedacted) {
    block.kind = BlockKind::kRedactedThinking;
    block.text = {};
    block.signature = as_text(data);
  } else if (as_text(type) == kThinking) {
    block.kind = BlockKind::kThinking;
    block.text = as_text(thinking);
    block.signature = as_text(signature);
  } else {
    return false;
  }
  return true;
}

}  // namespace sluice::dialect::chat
