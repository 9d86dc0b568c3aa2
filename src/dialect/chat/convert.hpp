// What a conversion of a request is told, and what comes of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/answer.hpp"
#include "dialect/chat/capabilities.hpp"
#include "dialect/chat/model.hpp"

namespace sluice::dialect::chat {

/// Whether a field that cannot be converted is dropped and named, or refused.
enum class Mode : uint8_t { kLenient, kStrict };

using config::AutoCache;

struct Target {
  std::string_view model;  // the upstream's name
  /// The configured provider, as signatures of thinking name it.
  std::string_view provider;
  const Capabilities& capabilities;
  Mode mode = Mode::kLenient;
  /// Most output tokens that may be paid for.
  std::optional<int64_t> output_limit = std::nullopt;
  AutoCache auto_cache = AutoCache::kToolsOrMultiturn;
  /// A call without a result, or a result without its call, is mended instead of refused.
  bool repair_tools = false;
  /// A call that is forced stays so, and thinking is given up for it.
  bool prefer_forced_tool = false;
  bool expose_reasoning = true;
  /// Under which signatures are made and checked; empty: none are.
  std::string_view signature_key = {};
  /// What the model is to go on with after its own words, where it cannot continue them.
  std::string_view continue_text = "Continue.";
};

struct Outgoing {
  std::string body;
  /// Of the client's fields what was lost, each once.
  std::vector<std::string> dropped;
  AnswerPlan plan;
  /// The upstream runs tools itself, and may pause its turn while it does (Anthropic's pause_turn).
  bool may_pause = false;
  /// Answered without an upstream: Anthropic's max_tokens 0, which only warms a cache.
  bool empty_answer = false;
};

/// Judges what only OpenAI's dialects have, for a model of another: what asks for nothing or
/// changes no answer is forgotten, the rest named in `dropped`. kInvalidRequest for a search of the
/// web.
Status judge_extras(const Request& request, std::vector<std::string>& dropped);

/// Takes the thinking out of what the assistant said, and with it what holds the conversation to
/// one model and account: for asking another one to go on.
void forget_thinking(Request& request);

/// The block is at a URL that the model's provider does not fetch itself.
bool needs_fetch(const Block& block, const Capabilities& capabilities);

/// An image or document at a URL.
struct RemoteSource {
  Source* source = nullptr;
  BlockKind kind = BlockKind::kImage;
  std::string param;  // where it stands: messages[1].content[0]
};

/// Those that the target does not fetch itself, in their order. The caller replaces each by its
/// bytes (media type and base64 in Source) before writing; one that is left makes the writer refuse
/// the request.
std::vector<RemoteSource> remote_sources(Request& request, const Capabilities& capabilities);

}  // namespace sluice::dialect::chat
