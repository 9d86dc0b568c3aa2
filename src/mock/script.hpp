// The language of the scripted upstream: the model's name says how the answer goes. docs/mock.md
// is its reference.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sluice::mock {

/// Shapes that answers have in the wild, though no reference has them: part "a".
enum Oddity : uint8_t {
  kNone,
  kSameIndex,        // both calls at index 0
  kNoIndex,          // one call, whose fragments have neither index nor id
  kStopAfterCalls,   // the finish reason does not tell of the calls
  kUsageEverywhere,  // every chunk has usage
  kCallsWithFinish,  // calls whole, in the chunk of the finish reason
  kNoArguments,      // calls without arguments
  kNoThoughts,       // thinking is a signature alone
  kTwoFinishes,      // two message_deltas
  kFailedResponse,   // part "q" is response.failed
  kMostOddity = kFailedResponse,
};

struct Script {
  bool scripted = false;  // the name begins with "mock"
  bool events_given = false;
  uint32_t events = 20;                  // c: text events
  uint32_t words = 1;                    // b: words in each
  uint32_t interval_ms = 0;              // i
  uint32_t first_ms = 0;                 // f: before the first token
  uint16_t error_status = 0;             // e: 0 is none
  std::optional<uint32_t> retry_after;   // r: seconds
  std::optional<uint32_t> reset_after;   // x: content events before the reset
  std::optional<uint32_t> silent_after;  // s: content events before the silence
  uint32_t malformed_event = 0;          // m: counted from 1; 0 is none
  bool terminal = true;                  // d0
  bool usage = true;                     // u0
  bool tools = false;                    // t
  bool thinking = false;                 // k
  uint32_t split = 0;                    // z: bytes; 0 is not at all
  uint32_t failing_attempts = 0;         // n
  uint32_t context = 0;                  // l: tokens that a prompt may have; 0 is any number
  std::optional<uint32_t> cached;        // h: tokens of the prompt that were in a cache
  std::optional<uint32_t> error_after;   // q: content events before an error event
  uint32_t pauses = 0;                   // p
  bool refuses = false;                  // g0
  bool filtered = false;                 // g1: after the text
  bool fenced_json = false;              // j
  bool interleaved = false;              // o
  bool strict_history = false;           // v
  bool finish = true;                    // w: there is a finish reason
  bool other_reasoning = false;          // y
  Oddity oddity = kNone;                 // a

  /// The script of the `attempt`th request (from 1) with this name: `n` confines the faults to
  /// the first attempts, and makes them fail with 500 where no other fault is given.
  Script for_attempt(uint64_t attempt) const;
};

/// Reads a script. A name that does not begin with "mock" gets the default answer: 24 words,
/// 20 ms apart. kInvalidRequest names the part at fault.
Result<Script> parse_script(std::string_view model);

/// Every part and its meaning, a line each.
std::string script_help();

}  // namespace sluice::mock
