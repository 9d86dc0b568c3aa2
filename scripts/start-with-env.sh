#!/usr/bin/env bash
# Starts the gateway in the foreground with the variables of a .env file.
#
#   scripts/start-with-env.sh [ARGUMENT OF sluice serve]...
#
#   ENV_FILE   the file (.env)
#   CONFIG     the configuration (configs/gateway.yaml)
#   SLUICE     the binary (bin/sluice)
#
# The file is read, not executed: NAME=VALUE a line, # comments, values may be quoted. What is
# set in the environment already stays as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

env_file=${ENV_FILE:-.env}
config=${CONFIG:-configs/gateway.yaml}
sluice=${SLUICE:-bin/sluice}
die() {
  printf 'start-with-env: %s\n' "$*" >&2
  exit 1
}

[ -f "$env_file" ] || die "there is no $env_file. Begin with: cp .env.example .env && chmod 600 .env"
[ -x "$sluice" ] || die "there is no $sluice. Build it: make build"
[ -f "$config" ] || die "there is no configuration $config"
mode=$(stat -Lc %a "$env_file")
[ $((0$mode & 077)) -eq 0 ] ||
  printf 'start-with-env: %s holds secrets and others may read it (mode %s): chmod 600 %s\n' \
    "$env_file" "$mode" "$env_file" >&2

number=0
while IFS= read -r line || [ -n "$line" ]; do
  number=$((number + 1))
  line=${line%$'\r'}
  [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
  [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] ||
    die "$env_file:$number: not NAME=VALUE"
  name=${BASH_REMATCH[2]}
  value=${BASH_REMATCH[3]}
  if [[ $value =~ ^\"(.*)\"[[:space:]]*(#.*)?$ || $value =~ ^\'(.*)\'[[:space:]]*(#.*)?$ ]]; then
    value=${BASH_REMATCH[1]}
  else
    value=${value%%[[:space:]]#*}
    value=${value%"${value##*[![:space:]]}"}
  fi
  [ -n "${!name+set}" ] || export "$name=$value"
done <"$env_file"

# Required is what the configuration names without a default: ${NAME}, not ${NAME:-...}.
missing=()
while IFS= read -r name; do
  [ -n "${!name:-}" ] || missing+=("$name")
done < <(sed 's/^[[:space:]]*#.*//; s/[[:space:]]#.*//; s/\$\${[^}]*}//g' "$config" |
  grep -oE '\$\{[A-Za-z_][A-Za-z0-9_]*\}' | tr -d '${}' | sort -u)
# A server of whose database only the password is not known would refuse the gateway later.
[ -z "${DB_HOST:-}" ] || [ -n "${DB_PASSWORD:-}" ] ||
  die "DB_HOST is set and DB_PASSWORD is not: $env_file names a database server without a password"
[ ${#missing[@]} -eq 0 ] ||
  die "$config needs these variables, and neither $env_file nor the environment sets them: ${missing[*]}"

exec "$sluice" serve --config "$config" "$@"
