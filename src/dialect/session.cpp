#include "dialect/session.hpp"

#include <algorithm>
#include <array>

#include "json/slices.hpp"

namespace sluice::dialect {
namespace {

using json::Kind;
using json::Value;

// What follows tells no two conversations apart that the beginning has not.
constexpr size_t kMaxText = 64 * 1024;

/// FNV-1a: nobody gains by a collision.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes.substr(0, kMaxText)) step(static_cast<uint8_t>(byte));
    step(0xff);  // no part of UTF-8: a border
  }
  uint64_t value() const { return value_; }

 private:
  void step(uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3; }
  uint64_t value_ = 0xcbf29ce484222325;
};

/// A string, or the texts of a list of parts; not what stands beside them, such as breakpoints for
/// caches, which move as the conversation grows.
void add_texts(Hash& hash, Value content) {
  if (content.kind() == Kind::kString) return hash.add(content.raw());
  if (content.kind() != Kind::kArray) return;
  json::Elements parts(content);
  for (Value part; parts.next(part);) {
    if (part.kind() != Kind::kObject) continue;
    if (const Value text = part["text"]; text.kind() == Kind::kString) hash.add(text.raw());
  }
}

/// Instructions at the start, and the user's first message.
void add_beginning(Hash& hash, Value messages) {
  if (messages.kind() == Kind::kString) return hash.add(messages.raw());
  if (messages.kind() != Kind::kArray) return;
  json::Elements elements(messages);
  for (Value message; elements.next(message);) {
    if (message.kind() != Kind::kObject) return;
    const Value role = message["role"];
    const bool instructions = role.raw() == R"("system")" || role.raw() == R"("developer")";
    if (!instructions && role.raw() != R"("user")") continue;
    add_texts(hash, message["content"]);
    if (!instructions) return;
  }
}

bool names(Value value) { return value.kind() == Kind::kString && !value.is_empty(); }

/// The model has had a turn.
bool answered(Value messages) {
  if (messages.kind() != Kind::kArray) return false;
  json::Elements elements(messages);
  for (Value message; elements.next(message);) {
    if (message.kind() == Kind::kObject && message["role"].raw() == R"("assistant")") return true;
  }
  return false;
}

}  // namespace

bool goes_on(Endpoint endpoint, std::string_view body, std::string_view header) {
  switch (endpoint) {
    case Endpoint::kCompletions:
    case Endpoint::kEmbeddings:
    case Endpoint::kGenerateContent:
      return false;
    case Endpoint::kChatCompletions:
    case Endpoint::kMessages:
    case Endpoint::kResponses:
      break;
  }
  if (!header.empty()) return true;
  json::Members members(body);
  for (json::Member member; members.next(member);) {
    if (member.key == "prompt_cache_key") {
      if (names(member.value)) return true;
    } else if (member.key == "messages" || member.key == "input") {
      if (answered(member.value)) return true;
    }
  }
  return false;
}

std::optional<uint64_t> session_of(Endpoint endpoint, std::string_view body,
                                   std::string_view header) {
  switch (endpoint) {
    case Endpoint::kCompletions:
    case Endpoint::kEmbeddings:
    case Endpoint::kGenerateContent:
      return std::nullopt;
    case Endpoint::kChatCompletions:
    case Endpoint::kMessages:
    case Endpoint::kResponses:
      break;
  }
  Hash hash;
  if (!header.empty()) {
    hash.add(header);
    return hash.value();
  }
  std::array<Value, 4> named;
  std::array<Value, 2> instructions;
  Value messages;
  json::Members members(body);
  for (json::Member member; members.next(member);) {
    if (member.key == "prompt_cache_key") named[0] = member.value;
    if (member.key == "metadata" && member.value.kind() == Kind::kObject) {
      named[1] = member.value["user_id"];
    }
    if (member.key == "safety_identifier") named[2] = member.value;
    if (member.key == "user") named[3] = member.value;
    if (member.key == "system") instructions[0] = member.value;
    if (member.key == "instructions") instructions[1] = member.value;
    if (member.key == "messages" || member.key == "input") messages = member.value;
  }
  if (const auto name = std::ranges::find_if(named, names); name != named.end()) {
    hash.add(name->raw());
    return hash.value();
  }
  for (const Value each : instructions) add_texts(hash, each);
  add_beginning(hash, messages);
  return hash.value();
}

}  // namespace sluice::dialect
