#!/usr/bin/env bash
# Measures Sluice beside nginx: bench/run.sh --help. Needs bin/sluice (make build) and nginx
# (scripts/setup.sh bench).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

node=.tools/bin/node
[ -x "$node" ] || node=$(command -v node) || {
  echo "bench: no Node.js; scripts/setup.sh test installs one" >&2
  exit 1
}
ulimit -n "$(ulimit -Hn)"
command=("$node" bench/run.js)
for argument in "$@"; do
  # Inherited by all that is started.
  [ "$argument" != --realtime ] || command=(chrt --rr 1 "${command[@]}")
done
exec "${command[@]}" "$@"
