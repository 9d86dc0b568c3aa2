#include "dialect/replayed_thinking.hpp"

#include <optional>

#include "dialect/chat/signature.hpp"
#include "json/slices.hpp"

namespace sluice::dialect {
namespace {

using json::Value;

bool is_foreign(Value signature) {
  const auto text = signature.as_string();
  return text && chat::is_gateway_signature(*text);
}

std::string_view with_part(std::string& storage, std::string_view whole, Value part,
                           std::string_view instead) {
  const auto at = static_cast<size_t>(part.raw().data() - whole.data());
  storage.assign(whole.substr(0, at)).append(instead);
  storage.append(whole.substr(at + part.raw().size()));
  return storage;
}

/// An array of what `keep` makes of its elements, where that is not the same; without those of
/// which it makes nothing.
template <typename Keep>
std::optional<std::string> changed(Value array, const Keep& keep) {
  if (array.kind() != json::Kind::kArray) return std::nullopt;
  std::string out = "[";
  bool same = true;
  json::Elements elements(array);
  Value element;
  std::string storage;
  while (elements.next(element)) {
    const std::string_view kept = keep(element, storage);
    same &= kept.data() == element.raw().data();
    if (kept.empty()) continue;
    if (out.size() > 1) out += ',';
    out += kept;
  }
  if (same) return std::nullopt;
  return out + ']';
}

std::string_view keep_block(Value block, std::string& /*storage*/) {
  const bool foreign = block["type"].as_string() == "thinking" && is_foreign(block["signature"]);
  return foreign ? std::string_view() : block.raw();
}

std::string_view keep_message(Value message, std::string& storage) {
  const Value content = message["content"];
  const auto blocks = changed(content, keep_block);
  if (!blocks) return message.raw();
  if (*blocks == "[]") return {};
  return with_part(storage, message.raw(), content, *blocks);
}

std::string_view keep_item(Value item, std::string& /*storage*/) {
  const bool foreign =
      item["type"].as_string() == "reasoning" && is_foreign(item["encrypted_content"]);
  return foreign ? std::string_view() : item.raw();
}

}  // namespace

std::string without_foreign_thinking(Endpoint endpoint, std::string_view body) {
  std::string out;
  const bool messages = endpoint == Endpoint::kMessages;
  if (!messages && endpoint != Endpoint::kResponses) return out;
  if (!body.contains(chat::kSignaturePrefix)) return out;
  const Value list = Value(body)[messages ? "messages" : "input"];
  const auto kept = messages ? changed(list, keep_message) : changed(list, keep_item);
  // A conversation of nothing else is no conversation, and the upstream may say so.
  if (kept && *kept != "[]") with_part(out, body, list, *kept);
  return out;
}

}  // namespace sluice::dialect
