# Functions that every script here shares; sourced, never run. Sourcing it enters the repository's root folder.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT" || exit 1
# One locale for every tool: sorted the same everywhere, and `.` matches one character of the marks of Swift Testing.
export LC_ALL=C.UTF-8

# The release executables have a build folder of their own, so that `make up` never waits for the lock that
# `swift test` holds on .build for as long as tests run.
SERVICES_BUILD=.build/services
# shellcheck disable=SC2034 # read by the scripts that source this file
SERVICES_BIN=$SERVICES_BUILD/release

# say TEXT…: one line for the user.
say() { printf '%s\n' "$*"; }

# die TEXT…: says on standard error what is wrong and what to do, and ends the script.
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# milliseconds: a clock to measure steps with.
milliseconds() { printf '%s\n' "$((${EPOCHREALTIME/[.,]/} / 1000))"; }

# seconds_since START_MS: how long ago that was, as `1.2 s`.
seconds_since() {
  local elapsed=$(($(milliseconds) - $1))
  printf '%d.%d s' "$((elapsed / 1000))" "$((elapsed % 1000 / 100))"
}

# step TEXT COMMAND…: says what starts, runs it in this shell, says how long it took. The command is not the left side
# of an || here, because bash would then ignore `set -e` in all of it; the trap names the step that ended the script.
step() {
  STEP=$1 STEP_START=$(milliseconds)
  shift
  say "==> $STEP"
  "$@"
  say "    done in $(seconds_since "$STEP_START")"
  STEP=''
}

STEP=''
trap '[ -z "$STEP" ] || say "error: $STEP: failed after $(seconds_since "$STEP_START")" >&2' EXIT

# load_ports: takes every port of ports.env that the environment does not set already, and exports it.
load_ports() {
  local name value
  while IFS='=' read -r name value; do
    [[ $name =~ ^PARLEY_[A-Z_]+$ ]] || continue
    [ -n "${!name:-}" ] || printf -v "$name" '%s' "$value"
    [[ ${!name} =~ ^[0-9]{2,5}$ ]] || die "$name=${!name} is not a port number"
    export "${name?}"
  done <deploy/local/ports.env
}

# need_swift: the toolchain is the one thing that is not installed for the user.
need_swift() {
  command -v swift >/dev/null ||
    die "swift is not on PATH: install the Swift 6.2 (or newer) toolchain for Debian 12 from swift.org first"
}
