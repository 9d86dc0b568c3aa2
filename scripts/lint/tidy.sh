#!/usr/bin/env bash
# clang-tidy over the sources of a configured build, in parallel. Tests, benchmarks and fuzzers
# are looked at without the static analyser, which takes minutes to walk through their macros.
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

tidy_one() {
  local checks=()
  case "$2" in
    *_test.cpp | *_bench.cpp | *_fuzz.cpp)
      # Their coroutines are named lambdas that the test keeps until the loop has run them.
      checks=(--checks='-cppcoreguidelines-avoid-capturing-lambda-coroutines,-clang-analyzer-*,-bugprone-suspicious-missing-comma,-performance-inefficient-string-concatenation')
      ;;
  esac
  clang-tidy-19 -p "$1" --quiet --warnings-as-errors='*' "${checks[@]}" "$2" 2> >(
    grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed [0-9]+|^Use -header-filter' >&2
  )
}
export -f tidy_one

# One file a process, so that a slow one does not hold others back.
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" bash -c 'tidy_one "$@"' tidy "$build"
echo "clang-tidy: ${#files[@]} files"
