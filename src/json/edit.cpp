#include "json/edit.hpp"

#include <cassert>

namespace sluice::json {

std::string apply_edits(std::string_view text, std::span<const Edit> edits) {
  size_t size = text.size();
  for (const Edit& edit : edits) size += edit.replacement.size();
  std::string out;
  out.reserve(size);
  size_t at = 0;
  for (const Edit& edit : edits) {
    assert(edit.offset >= at && edit.offset + edit.length <= text.size());
    out.append(text.substr(at, edit.offset - at));
    out.append(edit.replacement);
    at = edit.offset + edit.length;
  }
  out.append(text.substr(at));
  return out;
}

}  // namespace sluice::json
