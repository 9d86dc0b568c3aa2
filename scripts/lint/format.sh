#!/usr/bin/env bash
# Every C++ file is as clang-format leaves it (make fmt).
#
#   scripts/lint/format.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

find src cmake -type f \( -name '*.cpp' -o -name '*.hpp' \) -print0 |
  xargs -0 -r -n 16 -P "$(nproc)" clang-format-19 --dry-run -Werror --ferror-limit=1
