// What blocks that are no text say in words, for upstreams that know no such blocks.
#pragma once

#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

/// Empty when the block cannot be said.
json::String text_of(const Block& block, Arena& arena);

/// The text with a title, if there is one, on a line before it.
json::String with_title(json::String title, json::String text, Arena& arena);

/// A block by which Claude Code tells Anthropic who pays. It differs from request to request, and
/// elsewhere only keeps the prompt out of caches.
bool is_billing(const Block& block);

/// Instructions that stand in a user's message, since the upstream takes none in between.
json::String as_reminder(json::String text, Arena& arena);

}  // namespace sluice::dialect::chat
