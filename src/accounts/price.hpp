// What tokens cost.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

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

/// Prices by model name and by whom they are for: immutable once it is in use.
class PriceList {
 public:
  /// Of all that have none of their own in the scope.
  static constexpr std::string_view kAnyModel = "*";

  void set(std::string model, const Price& price) { set({}, std::move(model), price); }
  /// `scope`: "" is everybody, else as store::Rate's.
  void set(std::string_view scope, std::string model, const Price& price);
  /// After the prices: what a user pays by, instead of what was known of him. His own prices come
  /// first, then those of his group, which may be empty.
  void add_user(int64_t id, std::string_view name, std::string_view group);

  /// The user's price, else his group's, else everybody's; of each the price of the name that the
  /// client asked for, else of the upstream's name of the model. Then, in the same order, those
  /// of any model. nullptr when there is none. `user` 0: nobody's.
  const Price* find(int64_t user, std::string_view requested,
                    std::string_view upstream_model) const;
  const Price* find(std::string_view requested, std::string_view upstream_model) const {
    return find(0, requested, upstream_model);
  }
  /// What the provider charges; nullptr when that is not known.
  const Price* upstream(std::string_view provider, std::string_view requested,
                        std::string_view upstream_model) const;

 private:
  // Names are looked up as views, without making a string of them.
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  using Book = std::unordered_map<std::string, Price, Hash, std::equal_to<>>;

  static const Price* in(const Book* book, std::string_view name);
  const Book* book(std::string_view scope) const;

  struct Member {
    std::string own, group;  // scopes; empty where they have no prices
  };

  Book everybody_;
  std::unordered_map<std::string, Book, Hash, std::equal_to<>> scopes_;
  std::unordered_map<int64_t, Member> users_;  // those who have prices of their own or a group's
};

}  // namespace sluice::accounts
