#!/usr/bin/env bash
# A table of the stack's processes. Fails if one that was started does not run, or is not ready.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
source "$here/lib.sh"
source "$here/state.sh"
source "$here/processes.sh"

# uptime_of PID: as 1d02h, 3h04m, 5m06s or 7s.
uptime_of() {
  local up seconds
  read -r up _ </proc/uptime
  seconds=$((${up%.*} - $(process_field "$1" 22) / $(getconf CLK_TCK)))
  if ((seconds >= 86400)); then
    printf '%dd%02dh' $((seconds / 86400)) $((seconds % 86400 / 3600))
  elif ((seconds >= 3600)); then
    printf '%dh%02dm' $((seconds / 3600)) $((seconds % 3600 / 60))
  elif ((seconds >= 60)); then
    printf '%dm%02ds' $((seconds / 60)) $((seconds % 60))
  else
    printf '%ds' "$seconds"
  fi
}

# memory_of PID: resident memory with that of its children (Postgres is many processes), shared pages counted once for
# each process.
memory_of() {
  local total=0 pid kilobytes
  for pid in "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    kilobytes=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
    total=$((total + ${kilobytes:-0}))
  done
  printf '%d MB' $(((total + 512) / 1024))
}

# state_of NAME: what a user wants to know about a live process.
state_of() {
  case $1 in
    gateway.* | worker.* | executor.*)
      if curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$P_PORT/readyz" 2>/dev/null; then
        say ready
      else
        say 'not ready'
      fi
      ;;
    *) say up ;;
  esac
}

names=$(recorded '*')
if [ -z "$names" ]; then
  say "nothing runs: make up starts it"
  exit 0
fi
bad=0
row='%-10s %6s %8s %6s  %-10s %8s %9s\n'
# shellcheck disable=SC2059 # the format is the line above
printf "$row" PART NUMBER PID PORT STATE UPTIME RSS
for name in $names; do
  state=dead up=- memory=-
  if is_alive "$name"; then
    state=$(state_of "$name") up=$(uptime_of "$P_PID") memory=$(memory_of "$P_PID")
  fi
  case $state in dead | 'not ready') bad=1 ;; esac
  # shellcheck disable=SC2059
  printf "$row" "${name%.*}" "${name#*.}" "$P_PID" "$P_PORT" "$state" "$up" "$memory"
done
[ "$bad" = 0 ] || say "make up repairs it"
exit "$bad"
