#!/usr/bin/env bash
# Stops everything that `make up` started, in the reverse order: first who takes work in, last who keeps it. Each gets
# 25 s. Processes that are not ours any more are left alone.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
source "$here/lib.sh"
source "$here/state.sh"
source "$here/processes.sh"

# stop_parts SIGNAL PATTERN…: all processes of these parts.
stop_parts() {
  local signal=$1 pattern
  local -a names=()
  shift
  for pattern in "$@"; do
    mapfile -t -O "${#names[@]}" names < <(recorded "$pattern")
  done
  [ "${#names[@]}" -gt 0 ] || return 0
  step "stopping ${names[*]}" stop_all "$signal" "${names[@]}"
}

if [ ! -d "$RUN" ]; then
  say "nothing runs"
  exit 0
fi
open_run
began=$(milliseconds)
stop_parts TERM 'gateway.*'
stop_parts TERM 'worker.*' 'executor.*'
stop_parts TERM 'broker.*'
stop_parts TERM 'redis.*'
stop_parts INT 'postgres.*'
write_pids
say "nothing runs any more (took $(seconds_since "$began"))"
