// Surgical changes to a text: what no edit covers stays byte-identical.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace sluice::json {

/// Replaces `length` bytes at `offset`; a length of 0 inserts.
struct Edit {
  size_t offset = 0;
  size_t length = 0;
  std::string_view replacement;
};

/// The text with all edits made. They must lie inside the text, ordered by offset, and not
/// overlap.
std::string apply_edits(std::string_view text, std::span<const Edit> edits);

}  // namespace sluice::json
