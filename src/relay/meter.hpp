// What a request consumed. Today the upstream's report, and until it comes the number of text
// pieces as an estimate; counting with the model's own encoding, leases and the ledger belong
// here, between an event's arrival and its relaying.
#pragma once

#include <cstdint>
#include <string_view>

#include "dialect/stream.hpp"
#include "dialect/usage.hpp"
#include "observe/live.hpp"

namespace sluice::relay {

class Meter {
 public:
  enum class Basis : uint8_t { kNone, kEstimated, kReported };

  /// Before the event is relayed. Later: false when the lease is used up.
  void count(const dialect::EventVerdict& verdict) { pieces_ += verdict.pieces; }

  /// The upstream's own figures win.
  void report(const dialect::Usage& usage) {
    if (usage.reported) usage_ = usage;
  }

  int64_t input() const { return usage_.total_input(); }
  int64_t output() const { return usage_.reported ? usage_.output : static_cast<int64_t>(pieces_); }
  const dialect::Usage& usage() const { return usage_; }
  Basis basis() const {
    if (usage_.reported) return Basis::kReported;
    return pieces_ > 0 ? Basis::kEstimated : Basis::kNone;
  }

 private:
  dialect::Usage usage_;
  uint64_t pieces_ = 0;
};

constexpr std::string_view to_string(Meter::Basis basis) {
  switch (basis) {
    case Meter::Basis::kEstimated:
      return "estimated";
    case Meter::Basis::kReported:
      return "reported";
    case Meter::Basis::kNone:
      break;
  }
  return "none";
}

}  // namespace sluice::relay
