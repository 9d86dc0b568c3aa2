// The x-ratelimit headers, named and written as OpenAI's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "quota/admission.hpp"

namespace sluice::quota {

/// "20ms", "1s", "8.64s", "6m0s", "1h0m5s"; rounded up to the millisecond, "0s" for none.
std::string duration_text(Duration duration);

/// x-ratelimit-{limit,remaining,reset}-{requests,tokens}, of the limits that there are.
std::vector<std::pair<std::string, std::string>> limit_headers(const LimitState& state);

}  // namespace sluice::quota
