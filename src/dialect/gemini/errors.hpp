// What Google's APIs tell of an error besides its message.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "json/slices.hpp"

namespace sluice::dialect::gemini {

/// Of the error's `details`. https://cloud.google.com/apis/design/errors#error_details
struct ErrorDetails {
  std::string reason;  // ErrorInfo: "API_KEY_INVALID", ...
  /// RetryInfo, up to a day.
  std::optional<std::chrono::milliseconds> retry_after;
  bool daily = false;  // QuotaFailure: a quota of the whole day is used up
};

/// `error` is the object of that name.
ErrorDetails read_error_details(json::Value error);

/// Why an answer without an error is none, in the provider's words: "MALFORMED_FUNCTION_CALL: ..."
/// Empty when `answer` is no answer of Gemini's.
std::string failed_answer(json::Value answer);

}  // namespace sluice::dialect::gemini
