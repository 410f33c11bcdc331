#!/usr/bin/env bash
# Starts everything on this machine, or repairs and updates what runs: starts what is missing, restarts what was rebuilt
# or is configured differently now, leaves alone what is right. Running it again changes nothing.
# environment: WORKERS, EXECUTORS (1 each), the ports of ports.env, PARLEY_* settings of the services.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
source "$here/lib.sh"
source "$here/state.sh"
source "$here/processes.sh"
source "$here/servers.sh"
source "$here/services.sh"

STARTED=no

# check_ports: before anything is started, every port that is needed is free or ours.
check_ports() {
  local part name
  for part in postgres redis broker; do
    need_free_port "$(server_port "$part")" "PARLEY_${part^^}_PORT" "$part.1"
  done
  for name in $(service_names); do
    need_free_port "$(service_port "$name")" "$(service_port_variable "$name")" "$name"
  done
}

# ensure_services: brings the services to what they should be; says nothing when they are.
ensure_services() {
  local -a stop start
  mapfile -t stop < <(services_to_stop)
  stop_services "${stop[@]}"
  mapfile -t start < <(services_to_start)
  if [ "${#start[@]}" -gt 0 ]; then
    step "Migrations of the database" control migrate
    STARTED=yes
  fi
  step "Services: $(service_names | tr '\n' ' ')(waiting for /readyz)" start_services "${start[@]}"
}

first_message() { PARLEY_URL=$URL PARLEY_API_KEY=$KEY python3 deploy/local/first-message.py 'Calculate 2 + 2'; }

closing_words() {
  cat <<TEXT

Parley is up at $URL (took $(seconds_since "$began")).
API key of tenant default: $KEY
Try:
  source $RUN/env
  parleyctl send "What time is it?"
  curl -H "Authorization: Bearer \$PARLEY_API_KEY" -H 'Content-Type: application/json' \\
    -d '{"session_id": "first", "message": "Calculate 6 * 7"}' \$PARLEY_URL/v1/session/message
  curl -N -H "Authorization: Bearer \$PARLEY_API_KEY" -H 'Accept: text/event-stream' \\
    "\$PARLEY_URL/v1/session/first/stream?after=0"
TEXT
}

began=$(milliseconds)
check_counts
[ -n "${PARLEY_BIN:-}" ] || deploy/local/setup.sh
[ -n "${PARLEY_BIN:-}" ] || step "Release build of the services" deploy/local/build-services.sh
open_run
load_ports
load_secrets
set_addresses
check_ports
step "Postgres on port $PARLEY_POSTGRES_PORT" ensure_server postgres
step "Redis on port $PARLEY_REDIS_PORT" ensure_server redis
step "Broker on port $PARLEY_BROKER_PORT" ensure_server broker
ensure_services
step "API key" ensure_key
if [ "$STARTED" = yes ]; then step "A first message" first_message; fi
closing_words
