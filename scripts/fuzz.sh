#!/usr/bin/env bash
# Runs the fuzzers of the fuzz preset, one after the other, each from its committed corpus.
# What they learn stays in build/fuzz/corpus; a finding stays in build/fuzz/findings and belongs,
# once understood, into the committed corpus.
#
#   scripts/fuzz.sh SECONDS [NAME]...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:?usage: scripts/fuzz.sh SECONDS [NAME]...}
shift
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  mapfile -t names < <(find src -name '*_fuzz.cpp' -exec basename {} .cpp \; | sort)
fi
[ ${#names[@]} -gt 0 ] || {
  echo "fuzz: there is no fuzzer" >&2
  exit 1
}
mkdir -p build/fuzz/findings
for name in "${names[@]}"; do
  seeds=$(find src -type d -name "${name}_corpus")
  learnt=build/fuzz/corpus/$name
  mkdir -p "$learnt"
  echo "== $name, $seconds s"
  "build/fuzz/bin/$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/findings/$name-" "$learnt" ${seeds:+"$seeds"}
done
echo "== ${#names[@]} fuzzers, $seconds s each, no finding"
