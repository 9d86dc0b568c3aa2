#!/usr/bin/env bash
# Puts the release binary at bin/sluice. The file is replaced, not written over, so that a
# gateway that runs from it is not disturbed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

built=build/release/bin/sluice
if ! cmp -s "$built" bin/sluice; then
  mkdir -p bin
  cp "$built" bin/.sluice.new
  mv -f bin/.sluice.new bin/sluice
fi
