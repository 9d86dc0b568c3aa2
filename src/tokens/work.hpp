// How much work the counting has done, so that a test can show that it is linear.
#pragma once

#include <cstdint>

namespace sluice::tokens {

/// Steps of this thread since it began: bytes looked at, pairs and pieces looked up.
inline constinit thread_local uint64_t work_done = 0;

}  // namespace sluice::tokens
