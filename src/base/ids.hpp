// Identifiers that the gateway makes. Unpredictable enough not to collide between processes;
// not secrets.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

/// 64 pseudo-random bits from a generator per thread, seeded from the kernel.
uint64_t random_u64();

/// `prefix` and 24 characters of [0-9a-z].
std::string make_id(std::string_view prefix);

/// `prefix`, 9 characters of [0-9a-z] that sort by `unix_millis`, and 16 random ones. Rows with
/// such ids lie beside each other in an index, in the order in which they were made.
std::string make_ordered_id(std::string_view prefix, int64_t unix_millis);

/// `bytes` random bytes as lower-case hex: 16 for a trace id, 8 for a span id.
std::string random_hex(size_t bytes);

}  // namespace sluice
