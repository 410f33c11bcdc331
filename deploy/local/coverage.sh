#!/usr/bin/env bash
# Runs the Swift tests with coverage and prints the lines covered of each module in Shared and Services, and of all.
# Fails when a test fails, and when less than COVERAGE_MIN percent of all lines are covered, 80 by default.
# The instrumented build has a folder of its own, so that it does not make the next `make test` compile everything.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/counting.sh"

build=.build/coverage
need_swift
deploy/local/setup.sh
set_up_peers
swift build --build-tests --enable-code-coverage --scratch-path "$build" --quiet
install -m 755 .vendor/lib/librdkafka.so.1 "$build/debug/librdkafka.so.1"
# Two runs, as in test.sh. SwiftPM merges the counts of a run only if all its tests passed, so that is done here.
tools=$(dirname "$(realpath "$(command -v swift)")")
counts=$build/counts
rm -rf "$counts" && mkdir "$counts"
code=0
for run in --skip --filter; do
  env "$(at_once 8)" \
    swift test --skip-build --enable-code-coverage --scratch-path "$build" --disable-xctest \
    "$run" "$(targets_with_servers)" --skip "$(chaos_targets)" >"$build/test$run.log" 2>&1 || code=$?
  tail -n 1 "$build/test$run.log"
  # The services that tests share end after the tests, and write their counts then.
  for _ in {1..40}; do
    pgrep -f "^$ROOT/$build/\S*/parley-" >/dev/null || break
    sleep 1
  done
  "$tools/llvm-profdata" merge -sparse -o "$counts/$run.profdata" "$build"/debug/codecov/*.profraw
done
"$tools/llvm-profdata" merge -sparse -o "$counts/all.profdata" "$counts"/--*.profdata

# The report covers the executables too: end-to-end tests run them, and they write their counts beside the tests' own.
objects=("$build/debug/parleyPackageTests.xctest")
for program in "$build"/debug/parley-* "$build/debug/parleyctl"; do
  if [ -f "$program" ] && [ -x "$program" ]; then objects+=(-object "$program"); fi
done
"$tools/llvm-cov" export -summary-only -instr-profile "$counts/all.profdata" "${objects[@]}" \
  >"$build/coverage.json"
low=0
python3 deploy/local/coverage-report.py "$build/coverage.json" "$ROOT" "${COVERAGE_MIN:-80}" || low=$?
[ "$code" -ne 0 ] || code=$low
exit "$code"
