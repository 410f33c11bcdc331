#!/usr/bin/env bash
# Tests the local stack: starting, repairing, stopping, and what that must never touch. The servers are real. The three
# services are placeholders at first (a small HTTP server that answers what `make up` asks), so that the scripts are
# tested at their edges; then come the real ones, as `make build` made them (STACK_TEST_BIN names another folder).
# Works in a folder and on ports of its own; prints one line a test, and a summary in the form that counting.sh reads.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

services=${STACK_TEST_BIN:-$ROOT/.build/debug}
[ -x "$services/parley-gateway" ] || die "no services in $services: make build first"
work=$(mktemp -d)
export PARLEY_RUN=$work/run PARLEY_BIN=$work/bin STOP_SECONDS=2
ports=(GATEWAY POSTGRES REDIS BROKER WORKER EXECUTOR)
passed=0
failed=0

# choose_ports: ten free ports in a row for each part, so that several workers fit. Below 32768, where the kernel takes
# the ports of outgoing connections from, and below 15000, where the servers of other tests have theirs (LoopbackPort):
# one of those in the wrong moment would be a taken port.
choose_ports() {
  local base=$((10000 + RANDOM % 45 * 100)) name
  while ss -ltnH | grep -qE ":$((base / 100))[0-9][0-9] "; do base=$((base + 100)); done
  for name in "${ports[@]}"; do
    export "PARLEY_${name}_PORT=$base"
    base=$((base + 10))
  done
}

# make_placeholders: three services and a parleyctl that makes the key the gateway placeholder takes.
make_placeholders() {
  local name
  mkdir -p "$PARLEY_BIN"
  for name in gateway worker executor; do
    ln -s "$ROOT/deploy/local/stack-test-service.py" "$PARLEY_BIN/parley-$name"
  done
  cat >"$PARLEY_BIN/parleyctl" <<'SH'
#!/bin/sh
echo "$*" >>"$PARLEY_RUN/parleyctl.calls"
case $1 in
  migrate) /usr/lib/postgresql/15/bin/psql -X -q -d "$PARLEY_MIGRATION_DATABASE_URL" \
    -c 'CREATE TABLE IF NOT EXISTS kept (word text)' -c 'GRANT ALL ON kept TO parley_service' ;;
  keys) echo "pk_test" ;;
esac
SH
  chmod +x "$PARLEY_BIN/parleyctl"
}

# check NAME COMMAND…: one test. The command must not be a condition: bash would ignore `set -e` in all of it.
check() {
  local name=$1 log=$work/check.log start code
  shift
  start=$(milliseconds)
  set +e
  (
    set -ex
    "$@"
  ) >"$log" 2>&1
  code=$?
  set -e
  if [ "$code" -eq 0 ]; then
    say "✔ Test \"stack: $name\" passed after $(seconds_since "$start")econds."
    passed=$((passed + 1))
  else
    sed 's/^/    /' "$log"
    say "✘ Test \"stack: $name\" failed after $(seconds_since "$start")econds with 1 issue."
    failed=$((failed + 1))
  fi
}

up() { deploy/local/up.sh >"$work/up.log" 2>&1 || { cat "$work/up.log" && return 1; }; }
down() { deploy/local/down.sh >"$work/down.log" 2>&1 || { cat "$work/down.log" && return 1; }; }
pid_of() { awk -v name="$1" '$1 == name { print $2 }' "$PARLEY_RUN/pids"; }
# runs PID: a zombie that nobody has reaped yet does not.
runs() { grep -qs '^State:[[:space:]][^ZX]' "/proc/$1/status"; }
sql() { psql -X -q -A -t -d "$(sed -n 's/^export PARLEY_DATABASE_URL=//p' "$PARLEY_RUN/env")" -c "$1"; }
cache() { redis-cli -p "$PARLEY_REDIS_PORT" "$@"; }

# expect ACTUAL WANTED: equal, or says both.
expect() { [ "$1" = "$2" ] || { say "got: $1" "wanted: $2" && return 1; }; }

starts_everything() {
  up
  expect "$(cut -d' ' -f1 "$PARLEY_RUN/pids" | tr '\n' ' ')" 'broker.1 executor.1 gateway.1 postgres.1 redis.1 worker.1 '
  deploy/local/status.sh
  grep -q 'parley: 2 + 2 = 4' "$work/up.log"
  grep -q 'pk_test' "$work/up.log"
}

private_files() {
  expect "$(stat -c %a "$PARLEY_RUN/env" "$PARLEY_RUN/secrets" "$PARLEY_RUN" | tr '\n' ' ')" '600 600 700 '
}

role_obeys_row_security() {
  expect "$(sql "SELECT current_user, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")" \
    'parley_service|f|f|f'
}

only_loopback() {
  local pid
  while read -r _ pid; do
    if ss -ltnpH | grep "pid=$pid," | awk '{ print $4 }' | grep -v '^127\.0\.0\.1:'; then return 1; fi
  done <"$PARLEY_RUN/pids"
}

second_up_changes_nothing() {
  local before start
  before=$(cat "$PARLEY_RUN/pids" "$PARLEY_RUN/env" "$PARLEY_RUN/parleyctl.calls")
  start=$(milliseconds)
  up
  [ "$(($(milliseconds) - start))" -lt 5000 ]
  expect "$(cat "$PARLEY_RUN/pids" "$PARLEY_RUN/env" "$PARLEY_RUN/parleyctl.calls")" "$before"
}

# fake_tree: what build-services.sh needs of a checkout, and a compiler that notes what it is asked for.
fake_tree() {
  mkdir -p tree/{deploy,Shared,Services,.vendor/lib,bin}
  cp -r "$ROOT/deploy/local" tree/deploy/local
  for file in Package.swift Shared/A.swift Services/A.swift .vendor/lib/librdkafka.so.1; do say '// A' >"tree/$file"; done
  cat >tree/bin/swift <<'SH'
#!/bin/sh
while [ "$1" != --product ]; do shift; done
echo "$2" >>swift.calls
mkdir -p .build/services/release
cp bin/swift ".build/services/release/$2"
SH
  chmod +x tree/bin/swift
}

# Not even an empty `swift build`, which takes seconds for each of the four.
builds_only_what_changed() {
  local file
  cd "$work"
  fake_tree
  # builds: how often the compiler was called, after another run of the script.
  builds() { PATH=$work/tree/bin:$PATH tree/deploy/local/build-services.sh >/dev/null && wc -l <tree/swift.calls; }
  expect "$(builds)" 4
  expect "$(builds)" 4
  say '// B' >tree/Services/A.swift
  expect "$(builds)" 8
  rm tree/.build/services/release/parleyctl
  expect "$(builds)" 12
  expect "$(builds)" 12
}

# repairs NAME: after kill -9 of it, up starts it again and leaves all others alone.
repairs() {
  local name=$1 before old
  before=$(grep -v "^$name " "$PARLEY_RUN/pids")
  old=$(pid_of "$name")
  kill -9 "$old"
  for _ in {1..100}; do
    if ! runs "$old"; then break; fi
    sleep 0.1
  done
  if deploy/local/status.sh; then return 1; fi
  up
  expect "$(grep -v "^$name " "$PARLEY_RUN/pids")" "$before"
  [ -n "$(pid_of "$name")" ] && [ "$(pid_of "$name")" != "$old" ]
  deploy/local/status.sh
}

data_survives() {
  sql "INSERT INTO kept VALUES ('here')"
  cache set kept here
  down
  up
  expect "$(sql 'SELECT word FROM kept')" here
  expect "$(cache get kept)" here
}

scales() {
  WORKERS=3 up
  [ -n "$(pid_of worker.3)" ]
  up
  expect "$(pid_of worker.1 | wc -l)$(pid_of worker.3)" 1
}

restarts_what_changed() {
  local gateway redis
  gateway=$(pid_of gateway.1) redis=$(pid_of redis.1)
  PARLEY_LOG_LEVEL=debug up
  [ "$(pid_of gateway.1)" != "$gateway" ]
  expect "$(pid_of redis.1)" "$redis"
  tr '\0' '\n' <"/proc/$(pid_of gateway.1)/environ" | grep -x PARLEY_LOG_LEVEL=debug
  up
}

operator_secrets_stay_out_of_services() {
  local name
  PARLEY_API_KEY=x PARLEY_MIGRATION_DATABASE_URL=x PARLEY_MODEL_API_KEY=x PARLEY_MODEL_FALLBACK_API_KEY=x up
  for name in gateway.1 worker.1 executor.1; do
    if tr '\0' '\n' <"/proc/$(pid_of $name)/environ" | grep -E '^PARLEY_(API_KEY|MIGRATION|OWNER)'; then return 1; fi
  done
  for name in gateway.1 executor.1; do
    if tr '\0' '\n' <"/proc/$(pid_of $name)/environ" | grep -E '^PARLEY_MODEL_.*KEY'; then return 1; fi
  done
}

# Services see an edited policy by themselves, an edited tools file only when they start.
restarts_for_edited_tools_not_policies() {
  local before
  say '[]' >"$PARLEY_RUN/tools.json"
  cp -r deploy/policies "$PARLEY_RUN/policies"
  export PARLEY_TOOLS_FILE=$PARLEY_RUN/tools.json PARLEY_POLICY_DIR=$PARLEY_RUN/policies
  up
  before=$(cat "$PARLEY_RUN/pids")
  say '# edited' >>"$PARLEY_POLICY_DIR/authz.rego"
  rm "$PARLEY_POLICY_DIR/authz_test.rego"
  up
  expect "$(cat "$PARLEY_RUN/pids")" "$before"
  say '[ ]' >"$PARLEY_TOOLS_FILE"
  up
  expect "$(grep -c . <(comm -13 <(sort <<<"$before") <(sort "$PARLEY_RUN/pids")))" 3
  unset PARLEY_TOOLS_FILE PARLEY_POLICY_DIR
  up
}

new_passwords() {
  rm "$PARLEY_RUN/secrets"
  up
  expect "$(sql 'SELECT word FROM kept')" here
}

# A record whose pid belongs to someone else now (another start time) must not get that process killed.
spares_strangers() {
  sleep 300 &
  local stranger=$!
  sed "s/^[0-9]* /$stranger /" "$PARLEY_RUN/processes/worker.1" >"$PARLEY_RUN/processes/worker.7"
  down
  kill -0 "$stranger"
  kill "$stranger"
}

down_leaves_nothing() {
  local pids pid
  up
  pids=$(cut -d' ' -f2 "$PARLEY_RUN/pids")
  down
  for pid in $pids; do
    if runs "$pid"; then return 1; fi
  done
  [ ! -s "$PARLEY_RUN/pids" ] && [ -z "$(ls "$PARLEY_RUN/processes")" ]
  down
}

stubborn_is_killed() {
  PLACEHOLDER_STUBBORN=yes up
  down
  grep -q 'gateway.1 did not end within 2 s: killed' "$work/down.log"
}

names_taken_port() {
  python3 -m http.server --bind 127.0.0.1 "$PARLEY_REDIS_PORT" &
  local holder=$!
  for _ in {1..100}; do
    if ss -ltnH "sport = :$PARLEY_REDIS_PORT" | grep -q .; then break; fi
    sleep 0.1
  done
  if up; then return 1; fi
  kill "$holder"
  grep -q "port $PARLEY_REDIS_PORT for redis.1 is taken by python3.*, pid $holder; .*PARLEY_REDIS_PORT=" "$work/up.log"
  [ ! -s "$PARLEY_RUN/pids" ]
}

# use_real_services: from here on; in a new folder, so that the database is empty.
use_real_services() {
  deploy/local/down.sh
  export PARLEY_RUN=$work/real PARLEY_BIN=$services STOP_SECONDS=25
}

# call PATH [CURL-ARGUMENT…]: a request with the key.
call() {
  local path=$1
  shift
  curl -fsS --max-time 10 -H "Authorization: Bearer $(sed -n 's/^export PARLEY_API_KEY=//p' "$PARLEY_RUN/env")" \
    -H 'Content-Type: application/json' "$@" "http://127.0.0.1:$PARLEY_GATEWAY_PORT$path"
}

post() { call /v1/session/message -d "{\"session_id\": \"$1\", \"message\": \"$2\"}"; }

# answers SESSION TEXT: how many answers of that session say this.
answers() {
  call "/v1/sessions/$1/events" | grep -oE "\"role\":\"assistant\",[^{}]*\"message\":\"[^\"]*$2" | wc -l
}

# await_answer SESSION TEXT: exactly one comes.
await_answer() {
  for _ in {1..150}; do
    if [ "$(answers "$1" "$2")" != 0 ]; then break; fi
    sleep 0.2
  done
  expect "$(answers "$1" "$2")" 1
}

# readme_names_settings: every setting of the three services is in the README, and the README has no other.
readme_names_settings() {
  local name wanted written
  wanted=$(for name in gateway worker executor; do "$services/parley-$name" --help; done | sed -nE 's/^(PARLEY_\w+) .*/\1/p')
  written=$(sed -n '/^### The services/,/^## /p' README.md | sed -nE 's/^. .(PARLEY_\w+). .*/\1/p')
  expect "$(sort -u <<<"$written")" "$(sort -u <<<"$wanted")"
}

answers_first_message() {
  up
  cat "$work/up.log"
  grep -q 'parley: 2 + 2 = 4\.' "$work/up.log"
  deploy/local/status.sh
}

# What was answered is readable after make down and make up; what was only accepted is answered then.
messages_survive() {
  post kept 'Calculate 20 + 22'
  await_answer kept '= 42'
  post late 'Calculate 30 + 31'
  down
  up
  expect "$(answers kept '= 42')" 1
  await_answer late '= 61'
}

worker_killed_in_use() {
  local number
  for number in 1 2 3 4 5 6 7 8; do post "busy-$number" "Calculate $number + 100"; done
  kill -9 "$(pid_of worker.1)"
  post busy-9 'Calculate 9 + 100'
  up
  for number in 1 2 3 4 5 6 7 8 9; do await_answer "busy-$number" "= $((number + 100))"; done
}

# everything_killed: all processes of the stack at once, with messages accepted and not answered.
everything_killed() {
  local number pids
  for number in 1 2 3 4; do post "all-$number" "Calculate $number + 200"; done
  mapfile -t pids < <(cut -d' ' -f2 "$PARLEY_RUN/pids")
  kill -9 "${pids[@]}"
  up
  for number in 1 2 3 4; do await_answer "all-$number" "= $((number + 200))"; done
}

broker_killed() {
  kill -9 "$(pid_of broker.1)"
  up
  grep -q 'parley: 2 + 2 = 4\.' "$work/up.log"
}

clean_up() {
  deploy/local/down.sh >/dev/null 2>&1 || say "stack-test: down failed: something may still run from $work"
  rm -rf "$work"
}

choose_ports
make_placeholders
trap clean_up EXIT
check "make up starts everything and shows an answer" starts_everything
check "files with secrets are private" private_files
check "the services' database role cannot bypass row-level security" role_obeys_row_security
check "every process listens on loopback only" only_loopback
check "a second make up changes nothing in 5 s" second_up_changes_nothing
check "a release build builds only when sources changed" builds_only_what_changed
for name in postgres.1 redis.1 broker.1 gateway.1 worker.1 executor.1; do
  check "make up repairs $name after kill -9" repairs "$name"
done
check "data survives make down and make up" data_survives
check "WORKERS adds and removes workers" scales
check "a changed setting restarts the services only" restarts_what_changed
check "services do not get the operator's secrets, nor the models' but for the worker" operator_secrets_stay_out_of_services
check "an edited tools file restarts the services, an edited policy does not" restarts_for_edited_tools_not_policies
check "lost passwords are made anew, data kept" new_passwords
check "a pid that is another's now is not signalled" spares_strangers
check "make down leaves nothing, twice" down_leaves_nothing
check "what ignores SIGTERM is killed" stubborn_is_killed
check "a taken port is named with its holder, and nothing starts" names_taken_port
use_real_services
check "the README names every setting" readme_names_settings
check "the real services answer a first message" answers_first_message
check "messages survive make down and make up" messages_survive
check "a worker killed in use loses and repeats nothing" worker_killed_in_use
check "after kill -9 of everything make up loses and repeats nothing" everything_killed
check "after kill -9 of the broker the next answer streams" broker_killed
word=passed
[ "$failed" -eq 0 ] || word=failed
say "✔ Test run with $((passed + failed)) tests in 1 suite $word after $SECONDS.0 seconds."
[ "$failed" -eq 0 ]
