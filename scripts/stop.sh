#!/usr/bin/env bash
# Ends what quick-start started, and nothing else. Harmless when nothing runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/service.sh

ended=
for name in gateway mock; do
  if service_running "$name"; then
    service_stop "$name" || {
      echo "stop: $name (process $service_pid) does not end" >&2
      exit 1
    }
    ended+=" $name"
  fi
  rm -f ".run/$name.pid"
done
rm -f .run/gateway.wanted
if [ -n "$ended" ]; then echo "Stopped:$ended."; else echo "Nothing runs."; fi
