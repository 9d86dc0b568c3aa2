#include "dialect/chat/names.hpp"

#include <algorithm>
#include <cstdint>

#include "crypto/digest.hpp"

namespace sluice::dialect::chat {
namespace {

constexpr std::string_view kHashMark = "_";
constexpr size_t kHashDigits = 8;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_plain(char c, const NameRule& rule) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || rule.also.contains(c);
}

bool may_begin(char c, const NameRule& rule) {
  return !rule.letter_first || is_letter(c) || c == '_';
}

NameRule up_to(size_t longest) { return {.longest = longest, .also = {}}; }

}  // namespace

bool is_plain_name(std::string_view name, const NameRule& rule) {
  return !name.empty() && name.size() <= rule.longest && may_begin(name.front(), rule) &&
         std::ranges::all_of(name, [&](char c) { return is_plain(c, rule); });
}

bool is_plain_name(std::string_view name, size_t longest) {
  return is_plain_name(name, up_to(longest));
}

std::string clean_name(std::string_view name, const NameRule& rule) {
  if (is_plain_name(name, rule)) return std::string(name);
  std::string clean;
  if (!name.empty() && !may_begin(name.front(), rule)) clean += '_';
  clean += name.substr(0, rule.longest - kHashDigits - kHashMark.size() - clean.size());
  for (char& c : clean) {
    if (!is_plain(c, rule)) c = '_';
  }
  clean += kHashMark;
  clean += crypto::short_hash(name);
  return clean;
}

std::string clean_name(std::string_view name, size_t longest) {
  return clean_name(name, up_to(longest));
}

json::String NameMap::clean(json::String name, const NameRule& rule, Arena& arena) {
  if (!name.escaped && is_plain_name(name.bytes, rule)) return name;
  const std::string decoded = name.str();
  std::string cleaned = clean_name(decoded, rule);
  if (cleaned == decoded) return arena.text(cleaned);
  const json::String result = arena.text(cleaned);
  originals_.try_emplace(std::move(cleaned), name.bytes);
  return result;
}

json::String NameMap::clean(json::String name, size_t longest, Arena& arena) {
  return clean(name, up_to(longest), arena);
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
