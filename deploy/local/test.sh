#!/usr/bin/env bash
# Runs every test after setting up what they need, and ends with `N passed, N failed`. The fuzz tests take the numbers
# that follow from SEED, by default always the same, so that a failure is that of the change; `make fuzz` takes others.
# usage: test.sh [--ci]   (--ci: lint first, and count a failed lint or build as a failure)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/counting.sh"

with_servers=$(targets_with_servers)
run_swift_tests=(swift test --skip-build --disable-xctest)
export SEED=${SEED:-$FIXED_SEED}
say "seed $SEED (SEED)"
deploy/local/setup.sh
[ "${1:-}" != --ci ] || run_check "lint" deploy/local/lint.sh
run_check "peers for tests" set_up_peers
run_check "build" deploy/local/build.sh
# After a failed build the test bundle on disk is an old one: running it would report on other code.
if [ "$CHECK_OK" = yes ]; then
  run_tests unit timeout 900 "${run_swift_tests[@]}" --skip "$with_servers" --skip "$(chaos_targets)"
  # Hundreds at once on two cores starve each other's deadlines.
  run_tests servers timeout 1500 env "$(at_once 8)" "${run_swift_tests[@]}" --filter "$with_servers"
fi
# Both wait for most of their time, on servers and ports of their own, and neither measures it closely.
begin_tests stack timeout 300 deploy/local/stack-test.sh
if [ "$CHECK_OK" = yes ]; then
  run_tests chaos timeout 600 env "$(at_once 3)" "${run_swift_tests[@]}" --filter "$(chaos_targets)"
fi
end_tests
closing_line
