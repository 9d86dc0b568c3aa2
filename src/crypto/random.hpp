// Secrets out of nothing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sluice::crypto {

/// From the system's generator. kInternal when it has none.
Result<std::string> random_bytes(size_t count);

/// `prefix` and `bytes` random bytes as base64url.
Result<std::string> random_token(std::string_view prefix, size_t bytes = 32);

}  // namespace sluice::crypto
