#!/usr/bin/env bash
# Runs the fuzz tests (suites whose name ends in FuzzTests) with a seed: `make fuzz SEED=17`. Without one every run
# tries something new; the seed is said first, so that a failure can be run again. `make test` takes the same always.
# usage: fuzz.sh [SEED]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/counting.sh"

seed=${1:-${SEED:-$(od -An -N7 -tu8 /dev/urandom | tr -d ' ')}}
[[ $seed =~ ^[0-9]{1,19}$ ]] || die "SEED=$seed: a number from 0 to 2^63 - 1"
say "seed $seed (SEED)"
deploy/local/setup.sh
run_check "build" deploy/local/build.sh
[ "$CHECK_OK" = no ] || run_tests fuzz env "SEED=$seed" swift test --skip-build --disable-xctest --filter Fuzz
closing_line
