// What `sluice version` tells.
#pragma once

namespace sluice::app {

inline constexpr const char* kVersion = SLUICE_VERSION;
#ifdef NDEBUG
inline constexpr const char* kBuildType = "release";
#else
inline constexpr const char* kBuildType = "debug";
#endif

}  // namespace sluice::app
