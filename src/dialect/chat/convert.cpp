#include "dialect/chat/convert.hpp"

#include <algorithm>
#include <array>

namespace sluice::dialect::chat {
namespace {

void collect(std::vector<Block>& blocks, const Capabilities& capabilities,
             std::vector<Source*>& sources) {
  for (Block& block : blocks) {
    if (needs_fetch(block, capabilities)) sources.push_back(&block.source);
    collect(block.content, capabilities, sources);
  }
}

bool is_google_url(json::String url) {
  static constexpr auto kHosts =
      std::to_array<std::string_view>({"https://generativelanguage.googleapis.com/",
                                       "https://www.youtube.com/", "https://youtu.be/"});
  return std::ranges::any_of(kHosts,
                             [&](std::string_view host) { return url.bytes.starts_with(host); });
}

}  // namespace

void forget_thinking(Request& request) {
  for (Message& message : request.messages) {
    std::erase_if(message.blocks, [](const Block& block) {
      return block.kind == BlockKind::kThinking || block.kind == BlockKind::kRedactedThinking;
    });
  }
}

bool needs_fetch(const Block& block, const Capabilities& capabilities) {
  if (block.source.kind != Source::Kind::kUrl) return false;
  if (capabilities.google_urls && is_google_url(block.source.data)) return false;
  return block.kind == BlockKind::kDocument ? !capabilities.document_url_fetch
                                            : !capabilities.image_url_fetch;
}

std::vector<Source*> remote_sources(Request& request, const Capabilities& capabilities) {
  std::vector<Source*> sources;
  for (Message& message : request.messages) collect(message.blocks, capabilities, sources);
  return sources;
}

}  // namespace sluice::dialect::chat
