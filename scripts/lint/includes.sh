#!/usr/bin/env bash
# Holds every #include in src/ against the table of rooms in docs/architecture.md: a room may
# include only the rooms that its row names, and all of those stand above it.
#
#   scripts/lint/includes.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

list=$(mktemp)
trap 'rm -f "$list"' EXIT
find src -type f \( -name '*.cpp' -o -name '*.hpp' \) | sort >"$list"

awk -v list="$list" '
  function complain(text) { print text; bad = 1 }

  # A row of the table: | `room/` | what lives there | `may`, `use` |, or "everything above".
  /^\| *`[a-z0-9_]+\/` *\|/ {
    split($0, column, "|")
    match(column[2], /[a-z0-9_]+/)
    room = substr(column[2], RSTART, RLENGTH)
    order[++rooms] = room
    if (column[4] ~ /everything above/) {
      for (i = 1; i < rooms; i++) allowed[room, order[i]] = 1
    } else {
      rest = column[4]
      while (match(rest, /`[a-z0-9_]+`/)) {
        used = substr(rest, RSTART + 1, RLENGTH - 2)
        if (!(used in known)) complain("docs/architecture.md: " room " may use " used ", which does not stand above it")
        allowed[room, used] = 1
        rest = substr(rest, RSTART + RLENGTH)
      }
    }
    known[room] = 1
  }

  END {
    if (rooms == 0) complain("docs/architecture.md: no table of rooms found")
    while ((getline file < list) > 0) {
      split(file, part, "/")
      room = part[2]
      if (!(room in known)) {
        if (!(room in told)) complain(file ": room " room " is not in the table of docs/architecture.md")
        told[room] = 1
        continue
      }
      line = 0
      while ((getline text < file) > 0) {
        line++
        if (text !~ /^[ \t]*#[ \t]*include[ \t]*"/) continue
        split(text, quoted, "\"")
        target = quoted[2]
        where = file ":" line ": "
        if ((getline ignored < ("src/" target)) < 0) {
          complain(where "\"" target "\" is not a path below src/")
          continue
        }
        close("src/" target)
        split(target, part, "/")
        if (part[1] != room && !((room, part[1]) in allowed))
          complain(where room " may not include " part[1] " (docs/architecture.md)")
        checked++
      }
      close(file)
    }
    if (!bad) print checked + 0 " includes, " rooms " rooms"
    exit bad
  }
' docs/architecture.md
