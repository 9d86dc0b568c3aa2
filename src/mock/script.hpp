// The language of the scripted upstream: the model's name says how the answer goes. docs/mock.md
// is its reference.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.hpp"

namespace sluice::mock {

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

  /// The script of the `attempt`th request (from 1) with this name: `n` confines the faults to
  /// the first attempts, and makes them fail with 500 where no other fault is given.
  Script for_attempt(uint64_t attempt) const;
};

/// Reads a script. A name that does not begin with "mock" gets the default answer: 24 words,
/// 20 ms apart. kInvalidRequest names the part at fault.
Result<Script> parse_script(std::string_view model);

}  // namespace sluice::mock
