#!/usr/bin/env bash
# Runs every test after setting up what they need, and ends with `N passed, N failed`.
# usage: test.sh [--ci]   (--ci: lint first, and count a failed lint or build as a failure)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/counting.sh"

with_servers=$(targets_with_servers)
deploy/local/setup.sh
[ "${1:-}" != --ci ] || run_check "lint" deploy/local/lint.sh
run_check "peers for tests" set_up_peers
run_check "build" deploy/local/build.sh
# After a failed build the test bundle on disk is an old one: running it would report on other code.
if [ "$CHECK_OK" = yes ]; then
  run_tests unit timeout 900 swift test --skip-build --disable-xctest --skip "$with_servers" --skip "$(chaos_targets)"
  run_tests servers timeout 1500 env SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8 swift test --skip-build --disable-xctest --filter "$with_servers"
  run_tests chaos timeout 600 swift test --skip-build --disable-xctest --filter "$(chaos_targets)"
fi
run_tests stack timeout 300 deploy/local/stack-test.sh
closing_line
