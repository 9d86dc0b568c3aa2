#!/usr/bin/env bash
# What the documentation points to exists: links between files, and paths such as `src/a/b.cpp`.
#
#   scripts/lint/docs.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

bad=0
# exists FILE TARGET PATH: complains that FILE points to TARGET unless PATH is there.
exists() {
  [ -e "$3" ] && return
  echo "$1: points to $2, which does not exist"
  bad=1
}

mapfile -t pages < <(find . -maxdepth 1 -name '*.md' -printf '%P\n' | sort)
mapfile -t -O ${#pages[@]} pages < <(find docs -mindepth 1 -name '*.md' | sort)
for page in "${pages[@]}"; do
  while IFS= read -r target; do
    exists "$page" "$target" "$(dirname "$page")/${target%%#*}"
  done < <(grep -oE '\]\([^)#:][^):]*\)' "$page" | sed 's/^](//; s/)$//')
  while IFS= read -r target; do
    exists "$page" "$target" "$target"
  done < <(grep -oE '`(src|scripts|configs|docs|cmake|tests|bench)/[A-Za-z0-9_./-]+`' "$page" | tr -d '`')
done
[ $bad -ne 0 ] || echo "${#pages[@]} pages"
exit $bad
