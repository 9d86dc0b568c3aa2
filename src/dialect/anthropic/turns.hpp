// The messages of a conversation, brought into the order that Anthropic asks for.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "dialect/chat/convert.hpp"
#include "dialect/chat/model.hpp"
#include "dialect/chat/turns.hpp"

namespace sluice::dialect::anthropic {

using chat::Turn;  // roles alternate but for system

struct Turns {
  std::vector<chat::Block> system;
  std::vector<Turn> turns;
};

/// Takes the messages out of the request. Merges those of one role, puts the results of calls
/// first, leaves out what is empty, cleans names and ids, and checks that every call has its
/// result. What is lost is noted in `outgoing.dropped`, cleaned names in its plan.
Result<Turns> build_turns(chat::Request& request, const chat::Target& target,
                          chat::Outgoing& outgoing);

/// At most so many breakpoints of the prompt cache may be set.
inline constexpr size_t kMaxBreakpoints = 4;

/// Brings the client's breakpoints into what Anthropic accepts: the last kMaxBreakpoints in the
/// order of the prompt, longer lifetimes before shorter ones. Returns whether the request carries a
/// breakpoint of its own at the top, the client's or (by `target.auto_cache`) the gateway's.
bool place_breakpoints(chat::Request& request, Turns& turns, const chat::Target& target);

}  // namespace sluice::dialect::anthropic
