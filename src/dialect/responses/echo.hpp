// What a response repeats of its request.
#pragma once

#include <string>
#include <string_view>

namespace sluice::dialect::responses {

/// The members of a response object that repeat the request's, all that OpenAI's types ask for,
/// with OpenAI's defaults for those that the request does not have; JSON without braces. `body` is
/// a valid JSON object. What is longer than kMaxEchoed is told by its default: it is kept as long
/// as the answer is under way.
std::string echo_of(std::string_view body);

inline constexpr size_t kMaxEchoed = 128 * 1024;  // bytes of JSON

}  // namespace sluice::dialect::responses
