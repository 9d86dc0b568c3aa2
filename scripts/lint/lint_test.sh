#!/usr/bin/env bash
# The lint scripts must fail on what they are there to find: each is shown a small tree with one
# thing wrong.
set -euo pipefail
lint=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

fresh_tree() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree"/{docs,src/base,src/net,scripts,cmake}
  cat >"$tree/docs/architecture.md" <<'TABLE'
| room | what lives there | may use |
|---|---|---|
| `base/` | values | |
| `net/` | loops | `base` |
TABLE
  echo '#pragma once' >"$tree/src/base/a.hpp"
  printf '#include "base/a.hpp"\n' >"$tree/src/net/b.cpp"
  echo '#pragma once' >"$tree/src/net/b.hpp"
}

# expect pass|fail SCRIPT WHAT [TEXT]: TEXT must be in the output.
expect() {
  local wanted=$1 script=$2 what=$3 text=${4:-} got=pass output
  output=$("$lint/$script" "$tree" 2>&1) || got=fail
  if [ "$got" != "$wanted" ] || [[ "$output" != *"$text"* ]]; then
    printf '%s: %s: expected to %s with "%s", got %s:\n%s\n' \
      "$script" "$what" "$wanted" "$text" "$got" "$output"
    failures=$((failures + 1))
  fi
}

for script in includes.sh lengths.sh format.sh words.sh docs.sh cases.sh; do
  fresh_tree
  expect pass "$script" "a clean tree"
done

fresh_tree
echo '#include "net/b.hpp"' >"$tree/src/base/a.hpp"
expect fail includes.sh "an arrow that points down" "src/base/a.hpp:1: base may not include net"

fresh_tree
mkdir "$tree/src/attic"
touch "$tree/src/attic/a.cpp"
expect fail includes.sh "a room that the table does not know" "room attic is not in the table"

fresh_tree
echo '#include "a.hpp"' >"$tree/src/base/b.cpp"
expect fail includes.sh "a path that does not start at src/" "is not a path below src/"

fresh_tree
sed -i 's/| values | |/| values | `net` |/' "$tree/docs/architecture.md"
expect fail includes.sh "a table that contradicts its own order" "does not stand above it"

fresh_tree
: >"$tree/docs/architecture.md"
expect fail includes.sh "no table" "no table of rooms"

fresh_tree
printf '//\n%.0s' {1..501} >"$tree/src/net/long.cpp"
expect fail lengths.sh "a file of 501 lines" "src/net/long.cpp: 501 lines"

fresh_tree
echo 'int   x;' >"$tree/src/net/b.cpp"
expect fail format.sh "a file that is not formatted" "b.cpp:1"

fresh_tree
echo '// TODO later' >"$tree/src/net/b.cpp"
expect fail words.sh "unfinished work" "src/net/b.cpp:1"

fresh_tree
echo 'void f(std::thread& t) { t.detach(); }' >"$tree/src/net/b.cpp"
expect fail words.sh "a thread without an owner" "src/net/b.cpp:1"

fresh_tree
echo 'void f() { std::cout << 1; }' >"$tree/src/net/b.cpp"
expect fail words.sh "output outside app/" "src/net/b.cpp:1"

fresh_tree
echo 'See [the plan](plan.md) and `src/net/b.cpp`.' >"$tree/docs/page.md"
expect fail docs.sh "a link to nowhere" "docs/page.md: points to plan.md"

fresh_tree
echo 'See `src/net/gone.cpp`.' >"$tree/docs/page.md"
expect fail docs.sh "a path that is gone" "docs/page.md: points to src/net/gone.cpp"

# cases ROW...: the list of pitfalls, with one test beside it.
cases() {
  fresh_tree
  local folder=$tree/src/dialect/chat/testdata
  mkdir -p "$folder"
  printf '## Pitfalls\n\n' >"$folder/README.md"
  printf '| %s |\n' "$@" >>"$folder/README.md"
  printf '"note": "kept",\n"pitfalls": [1,12],\n' >"$folder/a.json"
  printf '// Pitfall 2.\nTEST(A, Holds) {}\n' >"$tree/src/net/a_test.cpp"
}
cases '1 | x | `a.json` "kept"' '2 | y | `src/net/a_test.cpp` "A.Holds"'
expect pass cases.sh "rows with their tests" "2 rows"
cases '1 | x | '
expect fail cases.sh "a row without a test" "Pitfalls 1 has no test"
cases '1 | x | `b.json`'
expect fail cases.sh "a test that is gone" "src/dialect/chat/testdata/b.json does not exist"
cases '1 | x | `a.json` "lost"'
expect fail cases.sh "a case that is gone" 'Pitfalls 1: no "lost" in'
cases '1 | x | `src/net/a_test.cpp` "A.Hold"'
expect fail cases.sh "a test of another name" 'no "A.Hold" in'
cases '1 | x | `a.json`' '2 | x | `a.json`'
expect fail cases.sh "a test that does not name its pitfall" "Pitfalls 2: src/dialect"
cases '1 | x | `a.json`' '3 | x | `a.json`'
expect fail cases.sh "a row that is missing" "3 where 2 is expected"

[ $failures -eq 0 ] && echo "the lint scripts find what they should"
exit $((failures > 0))
