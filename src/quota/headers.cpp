#include "quota/headers.hpp"

#include <chrono>
#include <string_view>

namespace sluice::quota {

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Names {
  std::string_view limit, remaining, reset;
};
constexpr Names kRequests{"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
                          "x-ratelimit-reset-requests"};
constexpr Names kTokens{"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens",
                        "x-ratelimit-reset-tokens"};

void add(Headers& headers, const Names& names, const LimitState::One& one) {
  headers.emplace_back(names.limit, std::to_string(one.limit));
  headers.emplace_back(names.remaining, std::to_string(one.remaining));
  headers.emplace_back(names.reset, duration_text(one.reset));
}

}  // namespace

std::string duration_text(Duration duration) {
  int64_t left = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  if (left <= 0) return "0s";
  if (left < 1000) return std::to_string(left) + "ms";
  std::string text;
  const int64_t hours = left / 3'600'000;
  const int64_t minutes = left / 60'000 % 60;
  if (hours > 0) text.append(std::to_string(hours)).append("h");
  if (hours > 0 || minutes > 0) text.append(std::to_string(minutes)).append("m");
  left %= 60'000;
  text.append(std::to_string(left / 1000));
  if (const int64_t millis = left % 1000; millis != 0) {
    // Three digits, of which those at the end may be zeros.
    text.append(".").append(std::to_string(1000 + millis), 1);
    while (text.ends_with('0')) text.pop_back();
  }
  return text.append("s");
}

std::vector<std::pair<std::string, std::string>> limit_headers(const LimitState& state) {
  Headers headers;
  headers.reserve(6);
  if (state.requests) add(headers, kRequests, *state.requests);
  if (state.tokens) add(headers, kTokens, *state.tokens);
  return headers;
}

}  // namespace sluice::quota
