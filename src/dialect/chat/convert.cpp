#include "dialect/chat/convert.hpp"

#include <algorithm>
#include <array>

#include "dialect/chat/reading.hpp"

namespace sluice::dialect::chat {
namespace {

void collect(std::vector<Block>& blocks, const std::string& where, const Capabilities& capabilities,
             std::vector<RemoteSource>& sources) {
  const std::string content = member(where, "content");
  for (size_t i = 0; i < blocks.size(); ++i) {
    Block& block = blocks[i];
    const bool needed = needs_fetch(block, capabilities);
    if (!needed && block.content.empty()) continue;
    const std::string at = element(content, i);
    if (needed) sources.push_back({.source = &block.source, .kind = block.kind, .param = at});
    collect(block.content, at, capabilities, sources);
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

std::vector<RemoteSource> remote_sources(Request& request, const Capabilities& capabilities) {
  std::vector<RemoteSource> sources;
  for (Message& message : request.messages) {
    collect(message.blocks, element("messages", message.position), capabilities, sources);
  }
  return sources;
}

}  // namespace sluice::dialect::chat
