// Names and ids that one side accepts and the other does not. What conforms passes as it is; the
// rest is cleaned and told apart by a hash of the original, so that the same name is cleaned the
// same way in every request of a conversation.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "dialect/chat/texts.hpp"

namespace sluice::dialect::chat {

/// What all upstreams take: [A-Za-z0-9_-], 64 at most.
inline constexpr size_t kMaxToolName = 64;

/// What names an upstream takes.
struct NameRule {
  size_t longest = kMaxToolName;
  std::string_view also;      // besides [A-Za-z0-9_-]
  bool letter_first = false;  // or '_'
};

bool is_plain_name(std::string_view name, size_t longest);
bool is_plain_name(std::string_view name, const NameRule& rule);

/// `name` itself when it is plain, else its first characters, those not allowed as '_', then '_'
/// and 8 digits of its SHA-256. At most `longest` (16 or more) characters.
std::string clean_name(std::string_view name, size_t longest);
std::string clean_name(std::string_view name, const NameRule& rule);

/// Which name the client knows a tool by that goes upstream under another.
class NameMap {
 public:
  /// The name to send; remembers the way back.
  json::String clean(json::String name, size_t longest, Arena& arena);
  json::String clean(json::String name, const NameRule& rule, Arena& arena);

  /// The client's name for what the upstream says. The result is a view of the map or of `name`.
  json::String restore(json::String name) const;
  bool empty() const { return originals_.empty(); }

 private:
  std::map<std::string, std::string, std::less<>> originals_;  // cleaned -> client's, escaped
};

/// The id to send: as it is, or cleaned.
json::String clean_id(json::String id, size_t longest, Arena& arena);

}  // namespace sluice::dialect::chat
