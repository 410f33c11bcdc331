# The gateway, the workers and the executors of the local stack; sourced after servers.sh.
# shellcheck shell=bash

# PARLEY_BIN names a folder with executables that were built elsewhere; then nothing is built here.
BIN=${PARLEY_BIN:-$SERVICES_BIN}
WORKERS=${WORKERS:-1}
EXECUTORS=${EXECUTORS:-1}

check_counts() {
  [[ $WORKERS =~ ^([1-9]|10)$ ]] || die "WORKERS=$WORKERS: a number from 1 to 10"
  [[ $EXECUTORS =~ ^([1-9]|10)$ ]] || die "EXECUTORS=$EXECUTORS: a number from 1 to 10"
}

# service_names: all services that should run, in the order in which they start.
service_names() {
  local number
  for ((number = 1; number <= EXECUTORS; number++)); do say "executor.$number"; done
  for ((number = 1; number <= WORKERS; number++)); do say "worker.$number"; done
  say gateway.1
}

# service_port NAME and service_port_variable NAME: where it serves HTTP, and what changes that.
service_port() {
  local number=${1#*.}
  case $1 in
    gateway.*) say "$PARLEY_GATEWAY_PORT" ;;
    worker.*) say "$((PARLEY_WORKER_PORT + number - 1))" ;;
    executor.*) say "$((PARLEY_EXECUTOR_PORT + number - 1))" ;;
  esac
}

service_port_variable() {
  local part=${1%.*}
  say "PARLEY_${part^^}_PORT"
}

# service_settings NAME: what its environment must hold, one NAME=VALUE a line. Everything else is inherited from the
# caller, which is how a model's address and key, or any other PARLEY_ setting, reach it.
service_settings() {
  printf '%s=%s\n' PARLEY_DATABASE_URL "$DATABASE_URL" PARLEY_REDIS_URL "$REDIS_URL" \
    PARLEY_KAFKA_BROKERS "$KAFKA_BROKERS" PARLEY_KAFKA_PROFILE local \
    PARLEY_POLICY_DIR "$(absolute "${PARLEY_POLICY_DIR:-deploy/policies}")" \
    PARLEY_OPA_LIBRARY "$(absolute "${PARLEY_OPA_LIBRARY:-.vendor/lib/libopabridge.so}")" \
    PARLEY_HTTP_PORT "$(service_port "$1")"
}

# absolute PATH: taken from the repository's root folder, which is where `make` was called.
absolute() { realpath -m -- "$1"; }

# hidden_settings NAME: the PARLEY_ variables of the caller that this service must not see: those of this stack's own
# scripts, what only a client or an operator needs, and the models' keys for those who never call a model.
hidden_settings() {
  compgen -e PARLEY_ | grep -E '^PARLEY_(GATEWAY|POSTGRES|REDIS|BROKER|WORKER|EXECUTOR)_PORT$' || true
  printf 'PARLEY_%s\n' RUN BIN URL API_KEY MIGRATION_DATABASE_URL OWNER_PASSWORD SERVICE_PASSWORD
  case $1 in worker.*) ;; *) printf 'PARLEY_%s\n' MODEL_API_KEY MODEL_FALLBACK_API_KEY ;; esac
}

# inherited_settings NAME: the PARLEY_ variables of the caller that reach this service as they are, with their values.
inherited_settings() {
  local name
  comm -23 <(compgen -e PARLEY_ | sort) <({ hidden_settings "$1" && service_settings "$1" | cut -d= -f1; } | sort -u) |
    while IFS= read -r name; do printf '%s=%s\n' "$name" "${!name}"; done
}

# service_print NAME: changes with its settings, with its executable, and with the tools file, which is read at the start.
# Policies are not in it: services see an edited one by themselves.
service_print() {
  local tools=''
  [ ! -f "${PARLEY_TOOLS_FILE:-}" ] || tools=$(stat -L -c '%s %Y' "$PARLEY_TOOLS_FILE")
  fingerprint "$(service_settings "$1")" "$(inherited_settings "$1")" "$tools" \
    "$(stat -L -c '%s %Y' "$BIN/parley-${1%.*}")"
}

start_service() {
  local name=$1 program=$BIN/parley-${1%.*} hidden
  local -a settings unset=()
  for hidden in $(hidden_settings "$name"); do unset+=(-u "$hidden"); done
  mapfile -t settings < <(service_settings "$name")
  launch "$name" "$(service_port "$name")" "$(service_print "$name")" env "${unset[@]}" "${settings[@]}" "$program"
}

# service_ready NAME: /readyz answers 200.
service_ready() {
  curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$(service_port "$1")/readyz"
}

# services_to_stop: those that run but should not, or not like this.
services_to_stop() {
  local name wanted
  wanted=" $(service_names | tr '\n' ' ')"
  for name in $(recorded 'gateway.*') $(recorded 'worker.*') $(recorded 'executor.*'); do
    if ! is_alive "$name"; then continue; fi
    if [[ $wanted != *" $name "* ]] || [ "$P_PRINT" != "$(service_print "$name")" ]; then say "$name"; fi
  done
}

# services_to_start: those that should run but do not.
services_to_start() {
  local name
  for name in $(service_names); do
    is_alive "$name" || say "$name"
  done
}

stop_services() {
  [ "$#" -gt 0 ] || return 0
  say "    stopping ${*}"
  stop_all TERM "$@"
}

# start_services NAME…: all at once, then waits for each of all services, not only for the new ones: those that went on
# may have lost a server for a moment.
start_services() {
  local name
  for name in "$@"; do start_service "$name"; done
  for name in $(service_names); do await "$name" 300 service_ready "$name"; done
}

# control ARGUMENT…: parleyctl with the addresses of this stack.
control() {
  PARLEY_DATABASE_URL=$DATABASE_URL PARLEY_MIGRATION_DATABASE_URL=$OWNER_URL PARLEY_REDIS_URL=$REDIS_URL \
    PARLEY_KAFKA_BROKERS=$KAFKA_BROKERS PARLEY_KAFKA_PROFILE=local "$BIN/parleyctl" "$@"
}

# key_works KEY: whether the gateway knows it: any answer but 401 and 403 will do.
key_works() {
  local code
  [ -n "$1" ] || return 1
  # The header comes by standard input: arguments are for everybody to see.
  code=$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 -H @- "$URL/v1/tools" <<<"Authorization: Bearer $1") ||
    return 1
  [ "$code" != 401 ] && [ "$code" != 403 ]
}

# ensure_key: into KEY; the saved one if it still works.
ensure_key() {
  local output
  KEY=$(saved_key)
  if ! key_works "$KEY"; then
    output=$(control keys create --tenant default --name local 2>"$RUN/logs/keys.log") ||
      die "parleyctl keys create failed: $(cat "$RUN/logs/keys.log")"
    KEY=$(grep -oE 'pk_[A-Za-z0-9_.-]+' <<<"$output" | head -n 1) || die "parleyctl keys create printed no key"
    key_works "$KEY" || die "the gateway does not take the key that parleyctl just made"
  fi
  write_env "$KEY" "$BIN"
}
