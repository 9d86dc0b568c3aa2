#include "base/money.hpp"

namespace sluice {

std::optional<Money> checked_add(Money a, Money b) {
  Money sum;
  if (__builtin_add_overflow(a.nanos, b.nanos, &sum.nanos)) return std::nullopt;
  return sum;
}

std::optional<Money> checked_subtract(Money a, Money b) {
  Money difference;
  if (__builtin_sub_overflow(a.nanos, b.nanos, &difference.nanos)) return std::nullopt;
  return difference;
}

Result<Money> parse_money(std::string_view usd) {
  const auto wrong = [&](const char* what) {
    return fail(ErrorCode::kInvalidRequest, std::string("an amount in USD ") + what);
  };
  std::string_view rest = usd;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  // Negative throughout, since the range reaches one further down than up.
  int64_t nanos = 0;
  int digits = 0;
  int decimals = -1;
  for (const char c : rest) {
    if (c == '.' && decimals < 0 && digits > 0) {
      decimals = 0;
      continue;
    }
    if (c < '0' || c > '9') return wrong("is a decimal number such as 2.50");
    if (decimals == 9) return wrong("has at most nine digits behind the point");
    if (decimals >= 0) ++decimals;
    ++digits;
    if (__builtin_mul_overflow(nanos, int64_t{10}, &nanos) ||
        __builtin_sub_overflow(nanos, int64_t{c - '0'}, &nanos)) {
      return wrong("is too large");
    }
  }
  if (digits == 0 || decimals == 0) return wrong("is a decimal number such as 2.50");
  for (int i = decimals < 0 ? 0 : decimals; i < 9; ++i) {
    if (__builtin_mul_overflow(nanos, int64_t{10}, &nanos)) return wrong("is too large");
  }
  if (!negative && __builtin_sub_overflow(int64_t{0}, nanos, &nanos)) return wrong("is too large");
  return Money{nanos};
}

std::string to_string(Money amount) {
  const bool negative = amount.nanos < 0;
  const uint64_t size = negative ? uint64_t{0} - static_cast<uint64_t>(amount.nanos)
                                 : static_cast<uint64_t>(amount.nanos);
  std::string text = negative ? "-" : "";
  text += std::to_string(size / kNanosPerUsd);
  uint64_t rest = size % kNanosPerUsd;
  if (rest == 0) return text;
  std::string decimals = std::to_string(rest);
  decimals.insert(0, 9 - decimals.size(), '0');
  while (decimals.ends_with('0')) decimals.pop_back();
  return text + '.' + decimals;
}

}  // namespace sluice
