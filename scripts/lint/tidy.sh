#!/usr/bin/env bash
# clang-tidy over the sources of a configured build, in parallel.
#
#   scripts/lint/tidy.sh BUILD_DIR [FILE]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build=${1:?usage: scripts/lint/tidy.sh BUILD_DIR [FILE]...}
shift
if [ $# -eq 0 ]; then
  mapfile -t files < <(find src -name '*.cpp' | sort)
else
  files=("$@")
fi
# One file a process, so that a slow one does not hold others back.
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy-19 -p "$build" --quiet --warnings-as-errors='*' 2> >(
    grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed [0-9]+|^Use -header-filter' >&2
  )
echo "clang-tidy: ${#files[@]} files"
