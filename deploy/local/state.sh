# Where the running stack keeps its state; sourced after lib.sh.
#
# .run/                 mode 700, ignored by git; PARLEY_RUN names another folder (a second stack needs other ports too)
#   env                 what a client or an operator sources: addresses and the API key (mode 600)
#   secrets             passwords of the database roles (mode 600)
#   pids                `part.number pid`, one line for each process of the stack that is alive
#   processes/NAME      one line for each process: pid, start time, boot id, port, fingerprint
#   logs/NAME.log       standard output and error of each process
#   postgres redis broker   data of the servers
# shellcheck shell=bash

RUN=${PARLEY_RUN:-.run}

# open_run: makes the folder and takes its lock, so that two `make up` or `make down` never work at the same time.
# The lock is file descriptor 9; processes that are started must not inherit it.
open_run() {
  mkdir -p "$RUN" 2>/dev/null || die "cannot make $RUN"
  [ -O "$RUN" ] || die "$RUN belongs to $(stat -c %U "$RUN"): run make as that user"
  chmod 700 "$RUN"
  mkdir -p "$RUN/logs" "$RUN/processes" "$RUN/broker" "$RUN/redis"
  exec 9>"$RUN/lock"
  flock -w 120 9 || die "another make up or make down has been at work for two minutes: see $RUN/lock"
}

# random_hex BYTES: that many bytes of the system's random source.
random_hex() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }

# write_private FILE: standard input into a file that only the owner may read, replaced as a whole.
write_private() {
  local file=$1
  (umask 077 && cat >"$file.new")
  mv "$file.new" "$file"
}

# load_secrets: reads the passwords of the database roles, or makes them.
load_secrets() {
  if [ ! -s "$RUN/secrets" ]; then
    printf 'PARLEY_OWNER_PASSWORD=%s\nPARLEY_SERVICE_PASSWORD=%s\n' "$(random_hex 16)" "$(random_hex 16)" |
      write_private "$RUN/secrets"
  fi
  # shellcheck disable=SC1091
  source "$RUN/secrets"
}

# saved_key: the API key of an earlier start, or nothing.
saved_key() { sed -n 's/^export PARLEY_API_KEY=//p' "$RUN/env" 2>/dev/null || true; }

# set_addresses: what the parts call each other by.
set_addresses() {
  local postgres=127.0.0.1:$PARLEY_POSTGRES_PORT/parley
  URL=http://127.0.0.1:$PARLEY_GATEWAY_PORT
  DATABASE_URL=postgresql://parley_service:$PARLEY_SERVICE_PASSWORD@$postgres
  OWNER_URL=postgresql://parley_owner:$PARLEY_OWNER_PASSWORD@$postgres
  KAFKA_BROKERS=127.0.0.1:$PARLEY_BROKER_PORT
  REDIS_URL=redis://127.0.0.1:$PARLEY_REDIS_PORT
}

# write_env KEY FOLDER: the file to source, with parleyctl on the path; replaced only if something in it changed.
write_env() {
  local text
  # shellcheck disable=SC2016 # the path is the reader's
  text=$(printf 'export PATH="$PATH:%s"\n' "$(realpath "$2")" && printf 'export %s=%s\n' PARLEY_URL "$URL" PARLEY_API_KEY "$1" PARLEY_KAFKA_BROKERS "$KAFKA_BROKERS" \
    PARLEY_DATABASE_URL "$DATABASE_URL" PARLEY_MIGRATION_DATABASE_URL "$OWNER_URL" PARLEY_REDIS_URL "$REDIS_URL")
  [ "$text" = "$(cat "$RUN/env" 2>/dev/null)" ] || printf '%s\n' "$text" | write_private "$RUN/env"
}
