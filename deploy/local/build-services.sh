#!/usr/bin/env bash
# Builds the release executables that `make up` runs, into .build/services/release. Does nothing when no source changed
# since the last build: even an empty `swift build` takes seconds.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

products=(parley-gateway parley-worker parley-executor parleyctl)
stamp=$SERVICES_BUILD/sources.sha256

# source_stamp: a digest of names, sizes and times of everything that goes into the executables.
source_stamp() {
  local folders=(Package.swift Shared Services)
  [ ! -d Schemas ] || folders+=(Schemas)
  {
    find "${folders[@]}" .vendor/lib/librdkafka.so.1 -type f -printf '%p %s %T@\n' | LC_ALL=C sort
    realpath "$(command -v swift)"
  } | sha256sum
}

need_swift
now=$(source_stamp)
built=yes
for product in "${products[@]}"; do
  [ -x "$SERVICES_BIN/$product" ] || built=no
done
if [ "$built" = yes ] && [ "$now" = "$(cat "$stamp" 2>/dev/null)" ]; then exit 0; fi

say "    compiling in release mode; the first time this takes a few minutes, later only what changed"
for product in "${products[@]}"; do
  start=$(milliseconds)
  swift build -c release --scratch-path "$SERVICES_BUILD" --product "$product" --quiet
  say "    $product ($(seconds_since "$start"))"
done
install -m 755 .vendor/lib/librdkafka.so.1 "$SERVICES_BIN/librdkafka.so.1"
printf '%s\n' "$now" >"$stamp"
