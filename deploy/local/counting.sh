# Runs test commands and adds up what really ran; sourced. Log files are in .build/test-logs.
# shellcheck shell=bash

TESTS_PASSED=0
TESTS_FAILED=0
TESTS_RUNS=0
TEST_LOGS=.build/test-logs
# Where the random numbers of fuzz tests begin when nobody says (SeededRandom.seed).
# shellcheck disable=SC2034 # for the script that sources this file
FIXED_SEED=20260131

# at_once N: the setting by which Swift Testing runs at most so many tests, and cases of a test, at the same time.
at_once() { printf 'SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=%d' "$1"; }

# chaos_targets: an expression for the tests that break a platform under load. What they hold against bars are counts,
# and times that leave room for a few scenarios side by side, but not for all the other tests.
chaos_targets() { printf '^ChaosTests\\.'; }

# targets_with_servers: an expression for `swift test` that matches the tests of all targets that start servers. They have
# deadlines, and hundreds of unit tests beside them on two cores would eat the time, so they run by themselves. What one
# run skips by it, another one takes by it: no target is in neither.
targets_with_servers() {
  printf '^(%s)\\.' "$(find Tests/Integration Tests/EndToEnd Tests/Conformance -mindepth 1 -maxdepth 1 -type d \
    -printf '%f\n' | sort | paste -sd '|')"
}

# count_swift_testing LOG EXIT_CODE: adds one run's result, taken from the lines that Swift Testing printed. The number
# of tests is that of its summary line; a run without one (it crashed, or did not build) counts what had ended, and one
# failure. So does a run that exits non-zero though no test failed.
count_swift_testing() {
  local log=$1 code=$2 total failed skipped ended
  total=$(sed -nE 's/^. Test run with ([0-9]+) tests? .*(passed|failed) after .*/\1/p' "$log" | tail -n 1)
  failed=$(grep -cE '^✘ Test .* failed after [0-9.]+ seconds' "$log" || true)
  failed=$((failed - $(grep -cE '^✘ Test run with .* failed after' "$log" || true)))
  skipped=$(grep -cE '^➜ Test .* skipped' "$log" || true)
  if [ -z "$total" ]; then
    ended=$(grep -cE '^. Test .* passed after [0-9.]+ seconds' "$log" || true)
    total=$((ended + failed + 1 + skipped)) failed=$((failed + 1))
    say "    the run ended without a summary (exit code $code): counted as one more failure"
  elif [ "$code" -ne 0 ] && [ "$failed" -eq 0 ]; then
    total=$((total + 1)) failed=1
    say "    no test failed, but the run ended with exit code $code: counted as one failure"
  fi
  [ "$skipped" -eq 0 ] || say "    $skipped skipped: not counted"
  TESTS_PASSED=$((TESTS_PASSED + total - failed - skipped))
  TESTS_FAILED=$((TESTS_FAILED + failed))
}

# run_tests NAME COMMAND…: runs it, shows and keeps its output, counts it. The command is `swift test`, or prints what
# that prints.
run_tests() {
  local name=$1 log code=0
  shift
  TESTS_RUNS=$((TESTS_RUNS + 1))
  mkdir -p "$TEST_LOGS"
  log=$TEST_LOGS/$name.log
  say "==> tests: $name"
  "$@" 2>&1 | tee "$log" || code=$?
  count_swift_testing "$log" "$code"
}

# begin_tests NAME COMMAND…: as run_tests, but beside what follows, until end_tests; one at a time. Should the script
# end before that, the run is ended with it.
begin_tests() {
  BESIDE_NAME=$1
  shift
  TESTS_RUNS=$((TESTS_RUNS + 1))
  mkdir -p "$TEST_LOGS"
  say "==> tests: $BESIDE_NAME, beside what follows"
  "$@" >"$TEST_LOGS/$BESIDE_NAME.log" 2>&1 &
  BESIDE_PID=$!
  trap 'kill "$BESIDE_PID" 2>/dev/null || true' EXIT
}

# end_tests: waits for the run that begin_tests began, shows its output, counts it.
end_tests() {
  local code=0
  wait "$BESIDE_PID" || code=$?
  trap - EXIT
  say "==> tests: $BESIDE_NAME, run beside"
  cat "$TEST_LOGS/$BESIDE_NAME.log"
  count_swift_testing "$TEST_LOGS/$BESIDE_NAME.log" "$code"
}

# run_check NAME COMMAND…: a check that is no test: it counts only when it fails. CHECK_OK says how it went.
run_check() {
  local name=$1 start
  CHECK_OK=yes
  shift
  start=$(milliseconds)
  say "==> $name"
  if "$@"; then
    say "    done in $(seconds_since "$start")"
  else
    say "    FAILED: $name"
    # shellcheck disable=SC2034 # for the script that sources this file
    CHECK_OK=no
    TESTS_FAILED=$((TESTS_FAILED + 1))
  fi
}

# closing_line: the last line of a run; fails if anything failed, or if nothing ran.
closing_line() {
  if [ "$TESTS_RUNS" -eq 0 ] || [ "$((TESTS_PASSED + TESTS_FAILED))" -eq 0 ]; then say "no test ran"; fi
  say "$TESTS_PASSED passed, $TESTS_FAILED failed"
  [ "$TESTS_FAILED" -eq 0 ] && [ "$TESTS_PASSED" -gt 0 ]
}

# set_up_peers: the programs of others that tests talk to; each script makes what one family of tests needs.
set_up_peers() {
  local script
  for script in deploy/local/test-peers-*.sh; do
    [ -e "$script" ] || continue
    bash "$script" || return 1
  done
}
