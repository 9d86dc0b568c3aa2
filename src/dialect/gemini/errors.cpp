#include "dialect/gemini/errors.hpp"

#include <cmath>

#include "dialect/gemini/chunk.hpp"

namespace sluice::dialect::gemini {
namespace {

/// "34.07s"
std::optional<std::chrono::milliseconds> read_delay(json::Value value) {
  constexpr double kLongest = 86'400;
  std::string text = value.as_string().value_or("");
  if (!text.ends_with('s')) return std::nullopt;
  text.pop_back();
  const auto seconds = json::Value(text).as_double();
  if (!seconds || *seconds < 0 || *seconds > kLongest) return std::nullopt;
  return std::chrono::milliseconds(std::llround(std::ceil(*seconds * 1000)));
}

bool is_daily(json::Value violations) {
  json::Elements elements(violations);
  json::Value violation;
  while (elements.next(violation)) {
    if (violation["quotaId"].as_string().value_or("").contains("PerDay")) return true;
  }
  return false;
}

}  // namespace

ErrorDetails read_error_details(json::Value error) {
  ErrorDetails details;
  json::Elements elements(error["details"]);
  json::Value detail;
  while (elements.next(detail)) {
    const std::string type = detail["@type"].as_string().value_or("");
    if (type.ends_with("google.rpc.ErrorInfo")) {
      details.reason = detail["reason"].as_string().value_or("");
    } else if (type.ends_with("google.rpc.RetryInfo")) {
      details.retry_after = read_delay(detail["retryDelay"]);
    } else if (type.ends_with("google.rpc.QuotaFailure")) {
      details.daily |= is_daily(detail["violations"]);
    }
  }
  return details;
}

std::string failed_answer(json::Value answer) {
  Chunk chunk;
  if (!read_chunk(answer.raw(), chunk) || !is_failure(chunk)) return {};
  std::string words = chunk.finish.str();
  if (!chunk.finish_message.empty()) words += ": " + chunk.finish_message.str();
  return words;
}

}  // namespace sluice::dialect::gemini
