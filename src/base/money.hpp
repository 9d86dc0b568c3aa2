// Money as a signed whole number of nano-USD (1e-9 USD). Never a floating-point number, and never
// a wrap: what does not fit is an error.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sluice {

struct Money {
  int64_t nanos = 0;

  auto operator<=>(const Money&) const = default;
  bool is_zero() const { return nanos == 0; }
};

inline constexpr int64_t kNanosPerUsd = 1'000'000'000;

/// nullopt on overflow.
std::optional<Money> checked_add(Money a, Money b);
std::optional<Money> checked_subtract(Money a, Money b);

/// Reads a decimal number of USD such as "2.50" or "-0.000000001": digits, at most one point with
/// at most nine digits behind it, an optional minus sign; no exponent, no blanks. kInvalidRequest
/// for anything else and for what does not fit into 64 bits.
Result<Money> parse_money(std::string_view usd);

/// The shortest exact decimal form in USD: "2.5", "0", "-0.000000001".
std::string to_string(Money amount);

}  // namespace sluice
