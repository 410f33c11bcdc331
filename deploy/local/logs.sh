#!/usr/bin/env bash
# Shows the logs of the stack: follows them on a terminal, prints their ends otherwise.
# usage: logs.sh [SERVICE]   (gateway, worker, worker.2, executor, postgres, redis, broker; all when none is named)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/state.sh"

service=${1:-}
logs=()
for log in "$RUN"/logs/*.log; do
  name=$(basename "$log" .log)
  if [ -e "$log" ] && { [ -z "$service" ] || [ "$name" = "$service" ] || [ "${name%.*}" = "$service" ]; }; then
    logs+=("$log")
  fi
done
[ "${#logs[@]}" -gt 0 ] || die "no log of ${service:-anything} in $RUN/logs"
if [ -t 1 ]; then exec tail -n 50 -F "${logs[@]}"; else exec tail -n 100 "${logs[@]}"; fi
