// Counts allocations, for tests and benchmarks that promise to make none. Replaces the global
// operators, so it belongs into exactly one file of a binary. ThreadSanitizer brings operators of
// its own; in its builds nothing is counted and every count is 0.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace sluice::testing {

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLUICE_ALLOCATIONS_UNCOUNTED
#endif
#endif

#ifdef SLUICE_ALLOCATIONS_UNCOUNTED
inline constexpr bool kAllocationsCounted = false;
#else
inline constexpr bool kAllocationsCounted = true;
#endif

inline thread_local size_t allocation_count = 0;

/// How many allocations this thread has made so far.
inline size_t allocations() { return allocation_count; }

}  // namespace sluice::testing

#ifndef SLUICE_ALLOCATIONS_UNCOUNTED

// NOLINTBEGIN(misc-definitions-in-headers): replacements may not be inline, hence the one file.
// All forms end here.
void* operator new(size_t size) {
  ++sluice::testing::allocation_count;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++sluice::testing::allocation_count;
  return std::malloc(size);
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new[](size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
// NOLINTEND(misc-definitions-in-headers)

#endif
