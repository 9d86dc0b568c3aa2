#include "quota/headers.hpp"

#include <fmt/format.h>

#include <chrono>

namespace sluice::quota {

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

void add(Headers& headers, std::string_view what, const LimitState::One& one) {
  headers.emplace_back(fmt::format("x-ratelimit-limit-{}", what), fmt::format("{}", one.limit));
  headers.emplace_back(fmt::format("x-ratelimit-remaining-{}", what),
                       fmt::format("{}", one.remaining));
  headers.emplace_back(fmt::format("x-ratelimit-reset-{}", what), duration_text(one.reset));
}

}  // namespace

std::string duration_text(Duration duration) {
  int64_t left = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  if (left <= 0) return "0s";
  if (left < 1000) return fmt::format("{}ms", left);
  std::string text;
  const int64_t hours = left / 3'600'000;
  const int64_t minutes = left / 60'000 % 60;
  if (hours > 0) text += fmt::format("{}h", hours);
  if (hours > 0 || minutes > 0) text += fmt::format("{}m", minutes);
  left %= 60'000;
  text += fmt::format("{}", left / 1000);
  if (left % 1000 != 0) {
    text += fmt::format(".{:03}", left % 1000);
    while (text.ends_with('0')) text.pop_back();
  }
  return text + "s";
}

std::vector<std::pair<std::string, std::string>> limit_headers(const LimitState& state) {
  Headers headers;
  if (state.requests) add(headers, "requests", *state.requests);
  if (state.tokens) add(headers, "tokens", *state.tokens);
  return headers;
}

}  // namespace sluice::quota
