#!/usr/bin/env bash
# The cases of conversion and the pitfalls that src/dialect/chat/testdata/README.md lists: each row
# points to a test, the test exists, and a test that guards against a pitfall names its number.
#
#   scripts/lint/cases.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

data=src/dialect/chat/testdata
page=$data/README.md
if [ ! -f "$page" ]; then
  echo "no cases"
  exit 0
fi

bad=0
complain() {
  echo "$page: $1"
  bad=1
}

# path_of NAME: where a file of that name is; a path is itself.
path_of() {
  case $1 in
    */*) echo "$1" ;;
    *.json) echo "$data/$1" ;;
    *.txt) echo "$(dirname "$data")/stream_testdata/$1" ;;
    *) echo "tests/e2e/$1" ;;
  esac
}

# holds FILE TITLE: whether it has a test of that name.
holds() {
  case $1 in
    *.cpp) grep -qE "^TEST(_F|_P)?\(${2%%.*}, ${2#*.}\)" "$1" ;;
    *) grep -qF -- "$2" "$1" ;;
  esac
}

rows=0
section=
expected=1
while IFS= read -r line; do
  case $line in
    '## '*)
      section=${line#\#\# }
      expected=1
      ;;
  esac
  [[ $line =~ ^\|\ ([0-9]+)\ \| ]] || continue
  number=${BASH_REMATCH[1]}
  [ "$number" -eq $expected ] || complain "$section: $number where $expected is expected"
  expected=$((number + 1))
  rows=$((rows + 1))
  where=${line% |}
  where=${where##* | }
  refs=$(grep -oE '`[^`]+`( "[^"]+")?' <<<"$where" || true)
  [ -n "$refs" ] || complain "$section $number has no test"
  while IFS= read -r ref; do
    [ -n "$ref" ] || continue
    name=${ref#\`}
    name=${name%%\`*}
    title=
    [[ $ref != *' "'* ]] || title=${ref#*\"} title=${title%\"}
    file=$(path_of "$name")
    if [ ! -f "$file" ]; then
      complain "$section $number: $file does not exist"
      continue
    fi
    [ -z "$title" ] || holds "$file" "$title" || complain "$section $number: no \"$title\" in $file"
    [ "$section" != Pitfalls ] || grep -qE "[Pp]itfalls?\"?:? [][0-9, ]*\b$number\b" "$file" ||
      complain "$section $number: $file does not name it"
  done <<<"$refs"
done <"$page"
[ $bad -ne 0 ] || echo "$rows rows"
exit $bad
