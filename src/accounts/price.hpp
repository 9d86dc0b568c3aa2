// What tokens cost.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "base/money.hpp"
#include "base/token_counts.hpp"

namespace sluice::accounts {

/// One version of a model's price, in force from a moment on. Amounts are per 1M tokens and never
/// negative.
struct Price {
  int64_t id = 0;  // model_rates.id; 0: no price, everything costs nothing
  Money input{};
  Money output{};
  Money cache_read{};
  Money cache_write{};

  Money dearest_input() const;
  bool is_free() const;
};

/// Exact in 128-bit integers, rounded once, half up to the nano-USD. kInvalidRequest when it does
/// not fit into 64 bits, or a count is negative.
Result<Money> cost_of(const Price& price, const TokenCounts& counts);

/// What a lease over these tokens must hold, whatever class the input turns out to be: rounded up,
/// saturating instead of failing. Negative counts are 0.
Money cost_bound(const Price& price, int64_t input, int64_t output);

/// The most output tokens for which cost_bound() is at most `money`; INT64_MAX where output costs
/// nothing, -1 when not even the input is paid for.
int64_t affordable_output(const Price& price, int64_t input, Money money);

/// Prices by model name: an immutable snapshot.
class PriceList {
 public:
  void set(std::string model, const Price& price);
  /// The price of the name that the client asked for, else of the upstream's name of the model;
  /// nullptr when neither has one.
  const Price* find(std::string_view requested, std::string_view upstream_model) const;
  size_t size() const { return prices_.size(); }

 private:
  // Names are looked up as views, without making a string of them.
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  const Price* find(std::string_view name) const;

  std::unordered_map<std::string, Price, Hash, std::equal_to<>> prices_;
};

}  // namespace sluice::accounts
