#include "dialect/chat/names.hpp"

#include <algorithm>
#include <cstdint>

#include "dialect/chat/digest.hpp"

namespace sluice::dialect::chat {
namespace {

constexpr std::string_view kHashMark = "_";
constexpr size_t kHashDigits = 8;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

}  // namespace

bool is_plain_name(std::string_view name, size_t longest) {
  return !name.empty() && name.size() <= longest && std::ranges::all_of(name, is_plain);
}

std::string clean_name(std::string_view name, size_t longest) {
  if (is_plain_name(name, longest)) return std::string(name);
  std::string clean(name.substr(0, longest - kHashDigits - kHashMark.size()));
  for (char& c : clean) {
    if (!is_plain(c)) c = '_';
  }
  clean += kHashMark;
  clean += short_hash(name);
  return clean;
}

json::String NameMap::clean(json::String name, size_t longest, Arena& arena) {
  if (!name.escaped && is_plain_name(name.bytes, longest)) return name;
  const std::string decoded = name.str();
  std::string cleaned = clean_name(decoded, longest);
  if (cleaned == decoded) return arena.text(cleaned);
  const json::String result = arena.text(cleaned);
  originals_.try_emplace(std::move(cleaned), name.bytes);
  return result;
}

json::String NameMap::restore(json::String name) const {
  if (originals_.empty()) return name;
  const auto found = originals_.find(name.escaped ? std::string_view(name.str()) : name.bytes);
  if (found == originals_.end()) return name;
  return {.bytes = found->second, .escaped = found->second.contains('\\')};
}

json::String clean_id(json::String id, size_t longest, Arena& arena) {
  if (!id.escaped && is_plain_name(id.bytes, longest)) return id;
  return arena.text(clean_name(id.str(), longest));
}

}  // namespace sluice::dialect::chat
