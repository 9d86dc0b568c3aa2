#!/usr/bin/env bash
# All tables of docs/routing-simulation.md, and its chart.
#
#   bench/sim/run.sh [TRACE_DIR]        default: bench/traces
#
# SLUICE_SIM: the program, if not build/release/bin/sluice_sim. SEEDS: runs of each; 5.
# CHART: where the chart goes; none without.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

traces=${1:-bench/traces}
sim=${SLUICE_SIM:-build/release/bin/sluice_sim}
seeds=${SEEDS:-5}

if [ ! -x "$sim" ]; then
  echo "$sim is not there: cmake --preset release && cmake --build --preset release -t sluice_sim" >&2
  exit 1
fi
azure=$traces/azure_conv_2023.csv
mooncake=$traces/mooncake_conversation.jsonl
missing=0
# needed FILE SOURCE: complains if it is not there, and says what to put there.
needed() {
  [ -r "$1" ] && return
  echo "$1 is not there. It is $2" >&2
  missing=1
}
needed "$azure" "data/AzureLLMInferenceTrace_conv.csv (2023, CC-BY) of \
https://github.com/Azure/AzurePublicDataset"
needed "$mooncake" "FAST25-release/traces/conversation_trace.jsonl (Apache-2.0) of \
https://github.com/kvcache-ai/Mooncake"
[ $missing -eq 0 ] || exit 1

azure() {
  "$sim" --trace azure --file "$azure" --rate 1.3 --fleet h100=2,a100=3,l40s=3 --target 2 \
    --seeds "$seeds" "$@"
}
mooncake() {
  "$sim" --trace mooncake --file "$mooncake" --rate 0.3 --fleet h100=4,a100=4,l40s=4 --target 5 \
    --seeds "$seeds" "$@"
}

echo "## Short prompts"
azure --gateways 1,4 ${CHART:+--svg "$CHART"}
echo
echo "## Long prompts that share their beginnings"
mooncake --gateways 1,4
echo
echo "## The same, spread within the three seconds that its clock knows"
mooncake --gateways 1,4 --spread 3
echo
echo "## Heartbeats more and less often"
azure --policy seed,predicted --gateways 1,4 --interval 0.25,5,15
echo
echo "## Workers that do not say which GPU they have"
azure --policy predicted --gateways 1,4 --nameless
mooncake --policy predicted --gateways 1,4 --nameless
echo
echo "## Prompts whose length is misjudged by up to 40 %"
azure --policy seed,predicted --gateways 1,4 --misjudged 0.4
echo
echo "## A worker that becomes slower"
azure --policy seed,least-effective,predicted --slow 0:1200:3
