#!/usr/bin/env bash
# Configures a preset where that is needed and builds targets of it (default: all).
#
#   scripts/build.sh PRESET [TARGET]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:?usage: scripts/build.sh PRESET [TARGET]...}
shift
dir=build/$preset

# Ninja runs CMake again by itself when a CMakeLists.txt changes, but does not watch the presets.
if [ ! -f "$dir/build.ninja" ] || [ CMakePresets.json -nt "$dir/build.ninja" ]; then
  mkdir -p "$dir"
  cmake --preset "$preset" >"$dir/configure.log" 2>&1 || {
    cat "$dir/configure.log" >&2
    exit 1
  }
  touch "$dir/build.ninja"
fi
# Progress is for somebody who watches; a log gets only what the compiler says.
if [ -t 1 ]; then
  exec ninja -C "$dir" "$@"
fi
ninja -C "$dir" --quiet "$@" | sed '/^ninja: no work to do/d'
