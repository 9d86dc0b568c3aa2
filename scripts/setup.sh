#!/usr/bin/env bash
# Installs what the project needs, from Debian's packages and the npm registry alone, and does
# nothing, quickly, where all of it is there.
#
#   scripts/setup.sh build     compiler, libraries, and the token ranks from npm
#   scripts/setup.sh test      build, the database servers that tests start, and Node 22 with the
#                              npm packages of the tests
#   scripts/setup.sh bench     build, and nginx to compare with
#   scripts/setup.sh check [build|test|bench]...   only says what is missing; exit 1 if anything is
#
# Several profiles may be named; without one: build and test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build_packages=(
  clang-19 libclang-rt-19-dev llvm-19 clang-tidy-19 clang-format-19
  mold lld-19 ccache ninja-build cmake
  libssl-dev zlib1g-dev libsimdjson-dev libyaml-cpp-dev libcli11-dev libfmt-dev libargon2-dev
  libsoci-dev libsqlite3-dev libpq-dev libmariadb-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  ca-certificates curl git
)
# The tests start servers of their own, which sync nothing to the disk.
test_packages=(postgresql mariadb-server eatmydata)
bench_packages=(nginx-light)
# For npm: to fetch the ranks, and Node 22, as Debian's own is 18 and the current SDKs need 22.
node_bootstrap_packages=(nodejs npm)

say() { printf '%s\n' "$*"; }
die() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# Those of the named packages that are not installed, one a line.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  local name
  for name in "$@"; do
    grep -qxF "installed $name" <<<"$installed" || say "$name"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "needs apt-get (Debian 12); please install: ${missing[*]}"
  local -a as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
      die "not root, and there is no sudo. As root: apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
  fi
  say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  # RUNLEVEL=1: a package that brings a service (nginx) must not start it.
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get -qq update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"; } \
    </dev/null >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    die "apt-get failed; its last lines are above"
  fi
  rm -f "$log"
}

node_major() { "$1" --version 2>/dev/null | sed -nE 's/^v([0-9]+)\..*/\1/p'; }

# Prints the Node 22 or newer to use: the one on PATH, else ours; fails where there is none.
find_node() {
  local candidate
  for candidate in "$(command -v node || true)" .tools/node/node_modules/node-linux-*/bin/node; do
    if [ -x "$candidate" ] && [ "$(node_major "$candidate")" -ge 22 ] 2>/dev/null; then
      realpath -s "$candidate"
      return 0
    fi
  done
  return 1
}

# True when the packages installed in folder $1 are those of its lock file.
npm_is_current() {
  [ -f "$1/node_modules/.lock.sha256" ] &&
    (cd "$1" && sha256sum --status -c node_modules/.lock.sha256 2>/dev/null)
}

same_lock() { cmp -s "$1/package-lock.json" "$2/package-lock.json"; }

npm_install() {
  npm_is_current "$1" && return 0
  say "Installing npm packages in $1"
  local log
  log=$(mktemp)
  # No install scripts: nothing that comes from the registry runs during set-up.
  if ! npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --no-update-notifier \
    --loglevel=error </dev/null >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    rm -f "$log"
    die "npm ci failed in $1; its last lines are above"
  fi
  rm -f "$log"
  (cd "$1" && sha256sum package-lock.json >node_modules/.lock.sha256)
}

setup_build() {
  install_packages "${build_packages[@]}"
  npm_is_current .tools/tiktoken && same_lock scripts/tiktoken .tools/tiktoken && return 0
  command -v npm >/dev/null || install_packages "${node_bootstrap_packages[@]}"
  mkdir -p .tools/tiktoken
  cp scripts/tiktoken/package.json scripts/tiktoken/package-lock.json .tools/tiktoken/
  npm_install .tools/tiktoken
}

setup_test() {
  setup_build
  install_packages "${test_packages[@]}"
  if ! command -v npm >/dev/null && ! { find_node >/dev/null && npm_is_current tests; }; then
    install_packages "${node_bootstrap_packages[@]}"
  fi
  if ! find_node >/dev/null; then
    mkdir -p .tools/node
    cp scripts/node/package.json scripts/node/package-lock.json .tools/node/
    npm_install .tools/node
  fi
  local node
  node=$(find_node) || die "no Node 22 or newer, although it was installed in .tools/node"
  npm_install tests
  # One place where the Makefile and the scripts find it, whichever it is.
  mkdir -p .tools/bin
  [ "$(readlink .tools/bin/node 2>/dev/null)" = "$node" ] || ln -sfn "$node" .tools/bin/node
}

setup_bench() {
  setup_build
  install_packages "${bench_packages[@]}"
}

check() {
  local wanted=("${build_packages[@]}") profile missing rc=0
  for profile in "$@"; do
    [ "$profile" = test ] && wanted+=("${test_packages[@]}")
    [ "$profile" = bench ] && wanted+=("${bench_packages[@]}")
  done
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  if [ ${#missing[@]} -gt 0 ]; then
    say "missing Debian packages: ${missing[*]}"
    rc=1
  fi
  npm_is_current .tools/tiktoken && same_lock scripts/tiktoken .tools/tiktoken ||
    { say "missing: the npm package of scripts/tiktoken/package-lock.json"; rc=1; }
  for profile in "$@"; do
    [ "$profile" = test ] || continue
    find_node >/dev/null || { say "missing: Node 22 or newer"; rc=1; }
    npm_is_current tests || { say "missing: the npm packages of tests/package-lock.json"; rc=1; }
  done
  [ $rc -ne 0 ] || say "Everything that is needed is installed."
  [ $rc -eq 0 ] || say "make setup installs what is missing."
  return $rc
}

if [ "${1:-}" = check ]; then
  shift
  check "${@:-test}"
  exit
fi
for profile in "${@:-test}"; do
  case "$profile" in
    build | test | bench) "setup_$profile" ;;
    *) die "unknown profile '$profile' (build, test, bench or check)" ;;
  esac
done
