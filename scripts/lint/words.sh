#!/usr/bin/env bash
# Words and calls that must not be in the tree, each with its reason.
#
#   scripts/lint/words.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

bad=0
# forbid REASON PATTERN FILE...: complains of every line that matches the extended expression.
forbid() {
  local reason=$1 pattern=$2 hits
  shift 2
  [ $# -gt 0 ] || return 0
  hits=$(grep -nHE -e "$pattern" -- "$@" || true)
  [ -n "$hits" ] || return 0
  bad=1
  sed "s|\$|    <- $reason|" <<<"$hits"
}

mapfile -t sources < <(find src -type f \( -name '*.cpp' -o -name '*.hpp' \) | sort)
mapfile -t quiet < <(printf '%s\n' "${sources[@]}" | grep -vE '^src/app/' || true)
mapfile -t tests < <(printf '%s\n' "${sources[@]}" | grep -E '_test\.cpp$' || true)
folders=()
for folder in src scripts cmake tests bench configs; do
  [ ! -d "$folder" ] || folders+=("$folder")
done
mapfile -t everything < <(find "${folders[@]}" \( -path scripts/lint -o -name node_modules \
  -o -name '*_corpus' -o -name package-lock.json \) -prune -o -type f -print | sort)

forbid "finish it, or open an issue" '\b(TODO|FIXME|XXX|HACK)\b' "${everything[@]}"
forbid "a path of somebody's machine" '(^|[^A-Za-z0-9_.])/(home|root|work|Users)/' "${everything[@]}"
forbid "only app/ talks to the terminal" '\bstd::(cout|cerr|clog)\b|#include <iostream>' "${quiet[@]}"
forbid "every thread and coroutine has an owner that joins it" '\bdetach\(\)' "${sources[@]}"
forbid "a loop never blocks and a test never waits for the clock" \
  '\bsleep_(for|until)\(|[^_a-zA-Z]u?sleep\(' "${sources[@]}"
forbid "say which names" '\busing namespace std;' "${sources[@]}"
forbid "slow, and it recurses on hostile input" '\bstd::regex\b|#include <regex>' "${sources[@]}"
forbid "a test says what a user cares about, not a number" 'TEST(_F|_P)?\([^)]*, *(Test|Case)[0-9]*\)' \
  "${tests[@]}"

[ $bad -ne 0 ] || echo "${#everything[@]} files"
exit $bad
