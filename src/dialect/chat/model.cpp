#include "dialect/chat/model.hpp"

#include <array>

namespace sluice::dialect::chat {
namespace {

constexpr std::array<std::string_view, kEfforts> kEffortNames = {
    "", "none", "minimal", "low", "medium", "high", "xhigh", "max"};

}  // namespace

std::string_view to_string(Effort effort) { return kEffortNames[static_cast<size_t>(effort)]; }

Effort parse_effort(std::string_view word) {
  for (size_t i = 1; i < kEfforts; ++i) {
    if (kEffortNames[i] == word) return static_cast<Effort>(i);
  }
  return Effort::kUnset;
}

}  // namespace sluice::dialect::chat
