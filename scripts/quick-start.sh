#!/usr/bin/env bash
# From a bare machine to a running gateway that streams an answer: installs what is missing,
# builds, starts, asks one question and leaves the gateway running. Run again, it finds all of
# that done.
#
#   OPENAI_API_KEY or ANTHROPIC_API_KEY   answer from that provider; without, from the mock
#   PORT                                  where the gateway listens (8080)
#   MODEL                                 which model to ask
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/service.sh
# For the escapes in the streamed text.
export LC_ALL=C.UTF-8

port=${PORT:-8080}
key=test-key-123
config=configs/quickstart.yaml
say() { printf '%s\n' "$*"; }
die() {
  printf 'quick-start: %s\n' "$*" >&2
  exit 1
}

scripts/setup.sh build
[ -x bin/sluice ] || say "Building bin/sluice; the first time takes some minutes"
scripts/build.sh release sluice
scripts/install-binary.sh

mkdir -p .run
upstream=mock model=mock-c40-i50
if [ -n "${ANTHROPIC_API_KEY:-}" ]; then
  upstream=anthropic model=claude-haiku-4-5
  export QUICKSTART_ANTHROPIC=true QUICKSTART_SCRIPTED=false
fi
if [ -n "${OPENAI_API_KEY:-}" ]; then
  upstream=openai model=gpt-4o-mini
  export QUICKSTART_OPENAI=true QUICKSTART_SCRIPTED=false
fi
model=${MODEL:-$model}

# What a running gateway was started with. It is replaced when that has changed: another
# provider or credential, another port, a new build.
wanted=$({
  sha256sum bin/sluice "$config"
  printf '%s\n' "$upstream" "$port" "${OPENAI_API_KEY:-}" "${ANTHROPIC_API_KEY:-}"
} | sha256sum)
if service_running gateway && [ "$(cat .run/gateway.wanted 2>/dev/null)" = "$wanted" ] &&
  { [ "$upstream" != mock ] || service_running mock; }; then
  say "The gateway already runs on port $port."
else
  service_stop gateway
  service_stop mock
  port_is_free "$port" || die "port $port is taken by another program.
  Choose another one:  make quick-start PORT=$((port + 1))"
  if [ "$upstream" = mock ]; then
    mock_port=9900
    until port_is_free "$mock_port"; do
      mock_port=$((mock_port + 1))
      [ "$mock_port" -lt 9950 ] || die "ports 9900 to 9949 are all taken; the mock needs one"
    done
    service_start mock bin/sluice mock --port "$mock_port"
    service_await mock "http://127.0.0.1:$mock_port/mock/stats" || die "the mock did not start (.run/mock.log)"
    export QUICKSTART_UPSTREAM=http://127.0.0.1:$mock_port
    say "No OPENAI_API_KEY or ANTHROPIC_API_KEY is set: answers come from the bundled scripted"
    say "upstream (sluice mock, port $mock_port), not from a model."
  else
    say "Answers come from $upstream, with the key in your environment."
  fi
  PORT=$port service_start gateway bin/sluice serve --config "$config"
  service_await gateway "http://127.0.0.1:$port/health" || die "the gateway did not start (.run/gateway.log)"
  printf '%s\n' "$wanted" >.run/gateway.wanted
fi

# Prints the text of each event of the stream as it arrives. Nothing is read ahead: bash's read
# takes a pipe byte by byte.
print_deltas() {
  local line text printed=0
  local string='[[:space:]]*"((\\.|[^"\])*)"'
  while IFS= read -r line || [ -n "$line" ]; do
    if [[ $line =~ \"delta\":.*\"(content|text)\":$string ]]; then
      # printf %b knows JSON's escapes but these two.
      text=${BASH_REMATCH[2]//\\\//\/}
      text=${text//\\\"/\"}
      [ -z "$text" ] || printed=1
      printf '%b' "$text"
    elif [[ $line == *'"error"'* ]]; then
      printf '\n%s\n' "$line"
    fi
  done
  [ $printed -eq 1 ]
}

base=http://127.0.0.1:$port
route=/v1/chat/completions
[ "$upstream" != anthropic ] || route=/v1/messages
say "POST $base$route, model $model, streamed:"
say
if ! curl -sSN --max-time 120 "$base$route" \
  -H "authorization: Bearer $key" -H 'content-type: application/json' \
  -H 'anthropic-version: 2023-06-01' \
  -d '{"model":"'"$model"'","stream":true,"max_tokens":200,
       "messages":[{"role":"user","content":"Say in two sentences what a sluice does."}]}' |
  print_deltas; then
  say
  die "no streamed answer came; the gateway still runs, its log is .run/gateway.log"
fi

cat <<END


Sluice runs at $base (key $key). Point an SDK at it:

  OpenAI     base_url="$base/v1"   api_key="$key"   model="$model"
  Anthropic  base_url="$base"      api_key="$key"

  curl $base/metrics     what it counts
  less .run/gateway.log                  its log
  make stop                              ends it
END
