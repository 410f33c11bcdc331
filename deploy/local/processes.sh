# Starting, knowing again and stopping the processes of the stack; sourced after state.sh.
#
# A pid alone does not name a process: the kernel gives it to another one later. A record therefore also holds the
# start time (field 22 of /proc/PID/stat, ticks since boot) and the boot; only a process that matches all three is ours,
# and nothing else is ever sent a signal.
# shellcheck shell=bash

BOOT=$(cat /proc/sys/kernel/random/boot_id)

# process_field PID NUMBER: a field of /proc/PID/stat, numbered as in proc(5); fails if there is no such process.
# The second field, the program's name in parentheses, may hold anything: count from the last parenthesis on.
process_field() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  local -a fields
  read -r -a fields <<<"${stat##*) }"
  printf '%s\n' "${fields[$(($2 - 3))]}"
}

# read_record NAME: into P_PID, P_START, P_BOOT, P_PORT, P_PRINT; fails if there is no record.
read_record() {
  P_PID='' P_START='' P_BOOT='' P_PORT='' P_PRINT=''
  [ -s "$RUN/processes/$1" ] || return 1
  # shellcheck disable=SC2034 # P_PORT and P_PRINT are for the callers
  read -r P_PID P_START P_BOOT P_PORT P_PRINT <"$RUN/processes/$1"
}

# is_ours: whether the process of the record read last is alive. A zombie is not.
is_ours() {
  local state
  [ "$P_BOOT" = "$BOOT" ] || return 1
  [ "$(process_field "$P_PID" 22)" = "$P_START" ] || return 1
  state=$(process_field "$P_PID" 3) && [ "$state" != Z ] && [ "$state" != X ]
}

# is_alive NAME: whether that process of the stack runs.
is_alive() { read_record "$1" && is_ours; }

# recorded PATTERN: names of the processes that have a record, in order.
recorded() {
  local file
  for file in "$RUN"/processes/$1; do
    [ ! -e "$file" ] || printf '%s\n' "${file##*/}"
  done | sort -V
}

# write_pids: the readable list of what is alive.
write_pids() {
  local name
  for name in $(recorded '*'); do
    if is_alive "$name"; then printf '%s %s\n' "$name" "$P_PID"; fi
  done >"$RUN/pids.new"
  mv "$RUN/pids.new" "$RUN/pids"
}

# roll_log FILE: a log of more than 64 MB becomes FILE.1 at the next start.
roll_log() {
  if [ -e "$1" ] && [ "$(stat -c %s "$1")" -gt 67108864 ]; then mv "$1" "$1.1"; fi
}

# launch NAME PORT FINGERPRINT COMMAND…: starts it in a session of its own, so that no terminal ends it, and records it.
launch() {
  local name=$1 port=$2 print=$3 log=$RUN/logs/$1.log pid start
  shift 3
  roll_log "$log"
  setsid "$@" </dev/null >>"$log" 2>&1 9>&- &
  pid=$!
  start=$(process_field "$pid" 22) || die "$name ended at once: see $log"
  printf '%s %s %s %s %s\n' "$pid" "$start" "$BOOT" "$port" "$print" >"$RUN/processes/$name"
  write_pids
}

# forget NAME: after its process has ended.
forget() { rm -f "$RUN/processes/$1"; }

# signal_all SIGNAL NAME…: to those that are alive and ours.
signal_all() {
  local signal=$1 name
  shift
  for name in "$@"; do
    if is_alive "$name"; then kill -s "$signal" "$P_PID" 2>/dev/null || true; fi
  done
}

# await_end TENTHS NAME…: until all have ended; fails when the time is over.
await_end() {
  local left=$1 name alive
  shift
  while :; do
    alive=no
    for name in "$@"; do
      if is_alive "$name"; then alive=yes; fi
    done
    [ "$alive" = yes ] || return 0
    [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 0.1
  done
}

# stop_all SIGNAL NAME…: asks all at once, gives them 25 s (STOP_SECONDS), then kills what is left and says so.
stop_all() {
  local signal=$1 name
  shift
  [ "$#" -gt 0 ] || return 0
  signal_all "$signal" "$@"
  if ! await_end "$((${STOP_SECONDS:-25} * 10))" "$@"; then
    for name in "$@"; do
      if is_alive "$name"; then say "    $name did not end within ${STOP_SECONDS:-25} s: killed"; fi
    done
    signal_all KILL "$@"
    await_end 50 "$@" || die "a process survived SIGKILL: see make status"
  fi
  for name in "$@"; do forget "$name"; done
  write_pids
}

# need_free_port PORT VARIABLE NAME: nobody may listen there, other than NAME itself.
need_free_port() {
  local port=$1 variable=$2 name=$3 line holder
  if is_alive "$name" && [ "$P_PORT" = "$port" ]; then return; fi
  line=$(ss -ltnpH "sport = :$port" | head -n 1)
  [ -n "$line" ] || return 0
  holder=$(sed -nE 's/.*users:\(\("([^"]*)",pid=([0-9]+).*/\1, pid \2/p' <<<"$line")
  die "port $port for $name is taken by ${holder:-a process of another user (see: sudo ss -ltnp)};" \
    "stop it or choose another port with $variable=… make up"
}

# ready_within NAME TENTHS COMMAND…: until the command succeeds; fails if the process dies or the time is over.
ready_within() {
  local name=$1 left=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    is_alive "$name" && [ "$left" -gt 0 ] || return 1
    left=$((left - 1))
    sleep 0.1
  done
}

# await NAME TENTHS COMMAND…: the same, but ends the script with the end of the log.
await() {
  local name=$1
  ready_within "$@" && return 0
  tail -n 15 "$RUN/logs/$name.log" >&2
  is_alive "$name" || die "$name ended while it was starting: the end of $RUN/logs/$name.log is above"
  die "$name did not become ready in time: the end of $RUN/logs/$name.log is above"
}

# fingerprint TEXT…: changes when the way a process is started changes, so that `make up` knows what to restart.
fingerprint() { printf '%s\n' "$@" | sha256sum | cut -c 1-16; }
