# Compiler, linker and sanitizer settings for every target.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Sluice needs clang 19 or newer: GCC 12 miscompiles coroutines "
                      "(docs/decisions/0001-clang.md). Use a preset: cmake --preset release")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(SLUICE_SANITIZE "" CACHE STRING "address,undefined | thread | empty")
option(SLUICE_FUZZ "Link fuzzers with libFuzzer instead of the replaying main" OFF)
option(SLUICE_LTO "Link-time optimisation" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  # Not more sloppiness than a precompiled header needs: with include_file_mtime an object that was
  # compiled while one of its headers was being saved is kept under the new header's name.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

add_library(sluice_options INTERFACE)
target_include_directories(sluice_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Werror
  # Frame pointers cost about 1 % and let perf see whole stacks in a release build.
  -fno-omit-frame-pointer -g1
  # A precompiled header without a time stamp in it can be cached.
  "SHELL:-Xclang -fno-pch-timestamp")
# In debug and sanitizer builds the standard library checks indices and iterators.
target_compile_options(sluice_options INTERFACE $<$<CONFIG:Debug>:-D_GLIBCXX_ASSERTIONS>)
target_link_options(sluice_options INTERFACE -fuse-ld=mold)
if(SLUICE_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)
  target_compile_options(sluice_options INTERFACE -flto=thin)
  target_link_options(sluice_options INTERFACE -flto=thin -fuse-ld=lld-19
    -Wl,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/lto-cache)
endif()
if(SLUICE_SANITIZE)
  # -fno-sanitize=function: with coroutines it makes code that does not link (llvm#49689).
  target_compile_options(sluice_options INTERFACE
    -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all -fno-sanitize=function)
  target_link_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZE})
endif()
if(SLUICE_FUZZ)
  target_compile_options(sluice_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
