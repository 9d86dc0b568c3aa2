#include "dialect/chat/convert.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dialect/chat/reading.hpp"

namespace sluice::dialect::chat {
namespace {

class Collector {
 public:
  explicit Collector(const Capabilities& capabilities) : capabilities_(capabilities) {}

  void collect(Message& message) {
    message_ = message.position;
    collect(message.blocks);
  }
  std::vector<RemoteSource> take() { return std::move(sources_); }

 private:
  void collect(std::vector<Block>& blocks) {
    const size_t depth = path_.size();
    path_.push_back(0);
    for (size_t i = 0; i < blocks.size(); ++i) {
      Block& block = blocks[i];
      path_[depth] = i;
      if (needs_fetch(block, capabilities_)) {
        sources_.push_back({.source = &block.source, .kind = block.kind, .param = where()});
      }
      if (!block.content.empty()) collect(block.content);
    }
    path_.pop_back();
  }

  // Written only where there is something to name: most conversations have nothing to fetch.
  std::string where() const {
    std::string place = element("messages", message_);
    for (const size_t index : path_) place = element(member(place, "content"), index);
    return place;
  }

  const Capabilities& capabilities_;
  size_t message_ = 0;
  std::vector<size_t> path_;
  std::vector<RemoteSource> sources_;
};

bool is_google_url(json::String url) {
  static constexpr auto kHosts =
      std::to_array<std::string_view>({"https://generativelanguage.googleapis.com/",
                                       "https://www.youtube.com/", "https://youtu.be/"});
  return std::ranges::any_of(kHosts,
                             [&](std::string_view host) { return url.bytes.starts_with(host); });
}

}  // namespace

Status judge_extras(const Request& request, std::vector<std::string>& dropped) {
  static constexpr auto kSilent = std::to_array<std::string_view>(
      {"prompt_cache_key", "prompt_cache_retention", "stream_options", "n"});
  for (const Extra& extra : request.extras) {
    const bool silent =
        std::ranges::any_of(kSilent, [&](std::string_view name) { return extra.name == name; });
    if (silent) continue;
    if (extra.name == "web_search_options") {
      return refuse("web_search_options", "This model cannot search the web.");
    }
    if (!asks_nothing(extra.value)) note(dropped, extra.name.str());
  }
  return {};
}

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
  Collector collector(capabilities);
  for (Message& message : request.messages) collector.collect(message);
  std::vector<RemoteSource> sources = collector.take();
  if (request.client_field != nullptr) {
    for (RemoteSource& each : sources) each.param = request.client_field(each.param);
  }
  return sources;
}

}  // namespace sluice::dialect::chat
