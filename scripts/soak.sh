#!/usr/bin/env bash
# Runs the long tests of tests/soak one after the other against bin/sluice. SOAK_SECONDS says
# how long each runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t files < <(find tests/soak -name '*.test.js' 2>/dev/null | sort)
[ ${#files[@]} -gt 0 ] || {
  echo "soak: there is no test in tests/soak" >&2
  exit 1
}
# Ten thousand streams need twenty thousand descriptors.
ulimit -n "$(ulimit -Hn)"
SLUICE_BIN=$PWD/bin/sluice SOAK_SECONDS=${SOAK_SECONDS:-600} \
  .tools/bin/node --test --test-reporter=spec --test-concurrency=1 "${files[@]}" </dev/null
