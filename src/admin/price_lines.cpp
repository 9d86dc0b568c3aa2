#include "admin/price_lines.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"

namespace sluice::admin {

std::string exact_amount(int64_t tokens, Money price) {
  constexpr uint64_t kUnit = 1'000'000'000'000'000;
  const auto product = static_cast<unsigned __int128>(static_cast<uint64_t>(tokens)) *
                       static_cast<uint64_t>(price.nanos);
  std::string text = fmt::format("{}.{:015}", static_cast<unsigned __int128>(product / kUnit),
                                 static_cast<uint64_t>(product % kUnit));
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

void write_rate(json::Writer& json, const store::Rate& rate) {
  json.member("id", rate.id)
      .member("model", rate.model)
      .member("scope", rate.scope)
      .member("input", to_string(rate.input))
      .member("output", to_string(rate.output))
      .member("cache_read", to_string(rate.cache_read))
      .member("cache_write", to_string(rate.cache_write))
      .member("valid_from", rfc3339(rate.valid_from * 1'000'000));
}

Status write_price_lines(json::Writer& json, const store::Settlement& row,
                         store::Database& database) {
  std::optional<store::Rate> rate;
  if (row.price_id != 0) {
    auto found = database.prices().version(row.price_id);
    if (!found) return std::unexpected(found.error());
    rate = std::move(*found);
  }
  if (!rate) {
    json.null_member("price").key("price_lines").begin_array().end_array();
    return {};
  }
  json.key("price").begin_object();
  write_rate(json, *rate);
  json.end_object().key("price_lines").begin_array();
  const std::tuple<std::string_view, int64_t, Money> classes[] = {
      {"input", row.charged.input, rate->input},
      {"cache_read", row.charged.cache_read, rate->cache_read},
      {"cache_write", row.charged.cache_write, rate->cache_write},
      {"output", row.charged.output, rate->output}};
  for (const auto& [name, tokens, price] : classes) {
    if (tokens <= 0) continue;
    json.begin_object()
        .member("class", name)
        .member("tokens", tokens)
        .member("price_per_million", to_string(price))
        .member("amount", exact_amount(tokens, price))
        .end_object();
  }
  json.end_array();
  return {};
}

}  // namespace sluice::admin
