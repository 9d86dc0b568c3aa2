#!/usr/bin/env bash
# Every C++ file is as clang-format leaves it (make fmt).
#
#   scripts/lint/format.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

folders=(src cmake)
[ ! -d bench ] || folders+=(bench)
find "${folders[@]}" -name node_modules -prune -o -type f \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
  xargs -0 -r -n 16 -P "$(nproc)" clang-format-19 --dry-run -Werror --ferror-limit=1
