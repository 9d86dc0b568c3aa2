# Starting and ending the processes of quick-start. Sourced, from the root of the repository.
# A service NAME has .run/NAME.pid ("PID START_TIME") and .run/NAME.log.

# Field 22 of /proc/PID/stat: with it a recycled process number is told from ours.
process_start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The command name in parentheses may hold spaces; what follows it starts with field 3.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  [ "$1" != Z ] || return 1
  printf '%s\n' "${20}"
}

# Sets service_pid and is true when the service that we started still runs.
service_running() {
  local started
  service_pid=
  read -r service_pid started 2>/dev/null <".run/$1.pid" || return 1
  [ -n "$started" ] && [ "$(process_start_time "$service_pid")" = "$started" ]
} 2>/dev/null

# service_start NAME COMMAND...: outlives this shell and its terminal.
service_start() {
  local name=$1
  shift
  setsid nohup "$@" </dev/null >>".run/$name.log" 2>&1 &
  printf '%s %s\n' $! "$(process_start_time $!)" >".run/$name.pid"
}

# service_await NAME URL: true once URL answers; false when the process ends or 10 s pass.
service_await() {
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    curl -sf -o /dev/null --max-time 2 "$2" && return 0
    service_running "$1" || break
    sleep 0.05
  done
  tail -n 20 ".run/$1.log" >&2
  return 1
}

# Ends the service: SIGTERM lets it drain, a second one hurries it, SIGKILL is for one that hangs.
service_stop() {
  local name=$1 signal tries
  if service_running "$name"; then
    for signal in TERM TERM KILL; do
      kill -s "$signal" "$service_pid" 2>/dev/null || true
      for ((tries = 0; tries < 100; tries++)); do
        service_running "$name" || break 2
        sleep 0.05
      done
    done
    service_running "$name" && return 1
  fi
  rm -f ".run/$name.pid"
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
