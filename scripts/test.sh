#!/usr/bin/env bash
# Builds a preset and runs every test against it: unit tests, replayed fuzz inputs, lint (in the
# debug build only) and, with the official SDKs, the binary from end to end.
#
#   scripts/test.sh PRESET
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${1:?usage: scripts/test.sh PRESET}
dir=build/$preset
started=$SECONDS

targets=(all)
skip=()
if [ "$preset" = debug ]; then
  targets+=(all_verify_interface_header_sets)
else
  skip=(-LE lint)
fi
echo "== build ($preset)"
scripts/build.sh "$preset" "${targets[@]}"

echo "== unit tests, fuzz inputs, lint"
ctest --test-dir "$dir" --no-tests=error --output-on-failure --timeout 900 -j "$(nproc)" \
  "${skip[@]}" </dev/null

echo "== end to end"
mapfile -t files < <(find tests/e2e -name '*.test.js' 2>/dev/null | sort)
if [ ${#files[@]} -eq 0 ]; then
  echo "test: there is no end-to-end test in tests/e2e" >&2
  exit 1
fi
SLUICE_BIN=$PWD/$dir/bin/sluice .tools/bin/node --test --test-reporter=spec \
  --test-timeout=180000 "${files[@]}" </dev/null 2>&1 | tee "$dir/e2e.log"
# Node exits 0 when every file was skipped or held no test; that is no success.
if ! grep -qE '^[^ ]+ pass [1-9]' "$dir/e2e.log"; then
  echo "test: no end-to-end test ran" >&2
  exit 1
fi
echo "== every test passed ($preset, $((SECONDS - started)) s)"
