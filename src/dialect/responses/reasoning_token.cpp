#include "dialect/responses/reasoning_token.hpp"

#include "dialect/chat/signature.hpp"

namespace sluice::dialect::responses {
namespace {

constexpr char kBetween = ' ';  // in no id

}  // namespace

std::string mint_reasoning(json::String id, json::String encrypted, std::string_view provider,
                           std::string_view key) {
  if (key.empty()) return {};
  std::string payload;
  if (!encrypted.empty()) {
    id.append_to(payload);
    payload += kBetween;
    encrypted.append_to(payload);
  }
  return chat::mint_signature(provider, payload, key);
}

std::optional<ReasoningToken> open_reasoning(std::string_view signature, std::string_view provider,
                                             std::string_view key) {
  const auto payload = chat::open_signature(signature, provider, key);
  if (!payload) return std::nullopt;
  const size_t between = payload->find(kBetween);
  if (between == std::string::npos || between == 0) return std::nullopt;
  return ReasoningToken{.id = payload->substr(0, between),
                        .encrypted = payload->substr(between + 1)};
}

}  // namespace sluice::dialect::responses
