# Postgres, Redis and the broker of the local stack; sourced after processes.sh.
# shellcheck shell=bash

POSTGRES_BIN=/usr/lib/postgresql/15/bin
# Postgres sees its folder only through the descriptor that it inherits: it refuses to run as root, and the user
# postgres may have no way through the folders above (a checkout in a home folder of mode 700).
POSTGRES_DATA=/proc/self/fd/8

# As user postgres if this is root, as the caller otherwise; outside of the checkout.
AS_POSTGRES=(env -C /)
[ "$(id -u)" != 0 ] || AS_POSTGRES+=(setpriv --reuid=postgres --regid=postgres --init-groups --)

# init_postgres: makes the cluster, in a folder that gets its name only when it is complete. Its locale is C: text is
# compared byte by byte, which is what ids need and much the fastest for their indexes; the encoding is UTF-8 all the same.
init_postgres() {
  local data=$RUN/postgres.new
  rm -rf "$data" "$RUN/roles"
  mkdir -m 700 "$data"
  [ "$(id -u)" != 0 ] || chown postgres: "$data"
  "${AS_POSTGRES[@]}" "$POSTGRES_BIN/initdb" -D "$POSTGRES_DATA" -U postgres --encoding=UTF8 --locale=C \
    --auth-local=reject --auth-host=scram-sha-256 >"$RUN/logs/initdb.log" 2>&1 8<"$data" ||
    die "initdb failed: see $RUN/logs/initdb.log"
  mv "$data" "$RUN/postgres"
}

# single_user: SQL from standard input, one statement a line, in a cluster that is not running. It needs no password,
# so that the superuser of the cluster has none and cannot log in.
single_user() {
  "${AS_POSTGRES[@]}" "$POSTGRES_BIN/postgres" --single -D "$POSTGRES_DATA" postgres \
    >>"$RUN/logs/roles.log" 2>&1 8<"$RUN/postgres"
}

# set_roles: the database and two roles with passwords. The owner runs migrations, and may make roles because the first
# migration does; the services' role obeys row-level security. A statement that finds its work done fails alone.
set_roles() {
  single_user <<SQL
CREATE ROLE parley_owner
CREATE ROLE parley_service
ALTER ROLE parley_owner LOGIN NOSUPERUSER CREATEROLE PASSWORD '$PARLEY_OWNER_PASSWORD'
ALTER ROLE parley_service LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB PASSWORD '$PARLEY_SERVICE_PASSWORD'
CREATE DATABASE parley OWNER parley_owner
SQL
  secrets_print >"$RUN/roles"
}

secrets_print() { fingerprint "$PARLEY_OWNER_PASSWORD" "$PARLEY_SERVICE_PASSWORD"; }

# start_postgres: again for a while if what a killed Postgres left is in the way: its pid until someone has reaped it, its
# shared memory until the last of its children is gone.
start_postgres() {
  local attempt
  [ -e "$RUN/postgres/PG_VERSION" ] || init_postgres
  [ "$(cat "$RUN/roles" 2>/dev/null)" = "$(secrets_print)" ] || set_roles
  for ((attempt = 0; attempt < 20; attempt++)); do
    launch_postgres
    if ready_within postgres.1 300 postgres_answers; then return; fi
    if is_alive postgres.1 || ! grep -qE 'lock file|shared memory' <(tail -n 3 "$RUN/logs/postgres.1.log"); then break; fi
    sleep 0.5
  done
  await postgres.1 0 postgres_answers
}

# launch_postgres: plans made for empty tables get slower with every row, so statistics are looked after every 5 s.
launch_postgres() {
  launch postgres.1 "$PARLEY_POSTGRES_PORT" "$(server_print postgres)" \
    "${AS_POSTGRES[@]}" "$POSTGRES_BIN/postgres" -D "$POSTGRES_DATA" -c "port=$PARLEY_POSTGRES_PORT" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c shared_buffers=256MB \
    -c autovacuum_naptime=5s -c log_min_messages=warning -c 'log_line_prefix=%m [%p] %u@%d ' 8<"$RUN/postgres"
}

# postgres_answers: accepts connections, and the services' role can use its database.
postgres_answers() {
  # The password comes by the environment: arguments are for everybody to see.
  PGCONNECT_TIMEOUT=2 PGPASSWORD=$PARLEY_SERVICE_PASSWORD "$POSTGRES_BIN/psql" -X -q \
    -d "${DATABASE_URL/":$PARLEY_SERVICE_PASSWORD@"/@}" -c 'SELECT 1'
}

start_redis() {
  launch redis.1 "$PARLEY_REDIS_PORT" "$(server_print redis)" \
    redis-server --bind 127.0.0.1 --port "$PARLEY_REDIS_PORT" --dir "$RUN/redis" --daemonize no \
    --appendonly yes --appendfsync everysec --save ''
  await redis.1 300 redis_answers
}

redis_answers() { [ "$(redis-cli -h 127.0.0.1 -p "$PARLEY_REDIS_PORT" ping)" = PONG ]; }

# start_broker: keeps everything in memory. What a restart of it loses is published again from Postgres.
start_broker() {
  local url=tcp://127.0.0.1:$PARLEY_BROKER_PORT
  launch broker.1 "$PARLEY_BROKER_PORT" "$(server_print broker)" \
    env -C "$RUN/broker" RUST_LOG=warn "$ROOT/.vendor/bin/tansu" broker --listener-url "$url" \
    --advertised-listener-url "$url" --storage-engine memory://tansu/
  await broker.1 100 broker_answers
}

broker_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$PARLEY_BROKER_PORT"); }

# server_port PART: the port it must listen on.
server_port() {
  case $1 in
    postgres) say "$PARLEY_POSTGRES_PORT" ;;
    redis) say "$PARLEY_REDIS_PORT" ;;
    broker) say "$PARLEY_BROKER_PORT" ;;
  esac
}

# server_print PART: new passwords need a restart of Postgres too, since only a stopped one lets them be set.
server_print() {
  local secrets=''
  [ "$1" != postgres ] || secrets=$(secrets_print)
  fingerprint "$1" "$(server_port "$1")" "$secrets"
}

# stop_signal PART: SIGTERM lets Postgres wait for its clients; SIGINT is its fast shutdown.
stop_signal() { if [ "$1" = postgres ]; then say INT; else say TERM; fi; }

# ensure_server PART: leaves a running one alone, starts it otherwise, restarts it when its settings changed.
# Says in STARTED that it did something.
ensure_server() {
  local part=$1
  if is_alive "$part.1"; then
    [ "$P_PRINT" != "$(server_print "$part")" ] || return 0
    say "    $part.1: its settings changed, restarting it"
    stop_all "$(stop_signal "$part")" "$part.1"
  fi
  "start_$part"
  # shellcheck disable=SC2034 # read by up.sh
  STARTED=yes
}
