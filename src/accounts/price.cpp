#include "accounts/price.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace sluice::accounts {

namespace {

// Four products of two 63-bit numbers and half a million fit.
using Wide = unsigned __int128;

constexpr uint64_t kPer = 1'000'000;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

Wide times(int64_t tokens, Money price) {
  return static_cast<Wide>(tokens) * static_cast<Wide>(price.nanos);
}

// Ordinary sums need no 128-bit division, which is a call.
Wide per_million(Wide sum) {
  if (sum <= std::numeric_limits<uint64_t>::max()) return static_cast<uint64_t>(sum) / kPer;
  return sum / kPer;
}

}  // namespace

Money Price::dearest_input() const { return std::max({input, cache_read, cache_write}); }

bool Price::is_free() const { return dearest_input().is_zero() && output.is_zero(); }

Result<Money> cost_of(const Price& price, const TokenCounts& counts) {
  const std::array<std::pair<int64_t, Money>, 4> classes = {{
      {counts.input, price.input},
      {counts.cache_read, price.cache_read},
      {counts.cache_write, price.cache_write},
      {counts.output, price.output},
  }};
  Wide sum = 0;
  for (const auto& [tokens, each] : classes) {
    if (tokens < 0 || each.nanos < 0) {
      return fail(ErrorCode::kInvalidRequest, "token counts and prices are never negative");
    }
    sum += times(tokens, each);
  }
  const Wide cost = per_million(sum + kPer / 2);
  if (cost > static_cast<Wide>(kMost)) {
    return fail(ErrorCode::kInvalidRequest, "a cost does not fit into 64 bits of nano-USD");
  }
  return Money{static_cast<int64_t>(cost)};
}

Money cost_bound(const Price& price, int64_t input, int64_t output) {
  const Wide sum = times(std::max<int64_t>(0, input), price.dearest_input()) +
                   times(std::max<int64_t>(0, output), price.output);
  return Money{static_cast<int64_t>(std::min<Wide>(per_million(sum + kPer - 1), kMost))};
}

int64_t affordable_output(const Price& price, int64_t input, Money money) {
  const Wide budget = static_cast<Wide>(std::max<int64_t>(0, money.nanos)) * kPer;
  const Wide prompt = times(std::max<int64_t>(0, input), price.dearest_input());
  if (money.nanos < 0 || prompt > budget) return -1;
  if (price.output.is_zero()) return kMost;
  const Wide rest = budget - prompt;
  const auto each = static_cast<uint64_t>(price.output.nanos);
  const Wide output = rest <= std::numeric_limits<uint64_t>::max()
                          ? Wide{static_cast<uint64_t>(rest) / each}
                          : rest / each;
  return static_cast<int64_t>(std::min<Wide>(output, kMost));
}

void PriceList::set(std::string_view scope, std::string model, const Price& price) {
  Book& book = scope.empty() ? everybody_ : scopes_[std::string(scope)];
  book.insert_or_assign(std::move(model), price);
}

void PriceList::add_user(int64_t id, std::string_view name, std::string_view group) {
  Member member{.own = "user:" + std::string(name), .group = "group:" + std::string(group)};
  if (book(member.own) == nullptr) member.own.clear();
  if (group.empty() || book(member.group) == nullptr) member.group.clear();
  if (member.own.empty() && member.group.empty()) {
    users_.erase(id);
    return;
  }
  users_.insert_or_assign(id, std::move(member));
}

const Price* PriceList::in(const Book* book, std::string_view name) {
  if (book == nullptr) return nullptr;
  const auto found = book->find(name);
  return found == book->end() ? nullptr : &found->second;
}

const PriceList::Book* PriceList::book(std::string_view scope) const {
  if (scope.empty()) return nullptr;
  const auto found = scopes_.find(scope);
  return found == scopes_.end() ? nullptr : &found->second;
}

const Price* PriceList::find(int64_t user, std::string_view requested,
                             std::string_view upstream_model) const {
  const Book* own = nullptr;
  const Book* group = nullptr;
  if (user != 0 && !users_.empty()) {
    if (const auto member = users_.find(user); member != users_.end()) {
      own = book(member->second.own);
      group = book(member->second.group);
    }
  }
  const std::array<const Book*, 3> books = {own, group, &everybody_};
  for (const Book* each : books) {
    if (const Price* price = in(each, requested)) return price;
    if (const Price* price = in(each, upstream_model)) return price;
  }
  for (const Book* each : books) {
    if (const Price* price = in(each, kAnyModel)) return price;
  }
  return nullptr;
}

const Price* PriceList::upstream(std::string_view provider, std::string_view requested,
                                 std::string_view upstream_model) const {
  if (scopes_.empty()) return nullptr;
  const Book* prices = book("upstream:" + std::string(provider));
  for (const std::string_view name : {upstream_model, requested, kAnyModel}) {
    if (const Price* price = in(prices, name)) return price;
  }
  return nullptr;
}

}  // namespace sluice::accounts
