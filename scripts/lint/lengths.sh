#!/usr/bin/env bash
# No source file is longer than 500 lines: one that is holds more than one thing.
#
#   scripts/lint/lengths.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

folders=()
for folder in src scripts cmake tests bench; do
  [ ! -d "$folder" ] || folders+=("$folder")
done
find "${folders[@]}" -name node_modules -prune -o -type f \
  \( -name '*.cpp' -o -name '*.hpp' -o -name '*.sh' -o -name '*.js' -o -name '*.cmake' \) -print0 |
  xargs -0 -r wc -l |
  awk '$2 != "total" { files++; if ($1 > 500) { print $2 ": " $1 " lines, 500 are allowed"; bad = 1 } }
       END { if (!bad) print files + 0 " files"; exit bad }'
