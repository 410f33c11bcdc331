#!/usr/bin/env bash
# Builds the benchmark and the services for release and runs it: bench.sh [accept] [turns] [validation] [memory]. Each
# number is printed beside the bar that it is held against, and the table at the end is the README's.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_swift
deploy/local/setup.sh
deploy/local/build-services.sh
swift build -c release --scratch-path "$SERVICES_BUILD" --product parley-bench --quiet
exec "$SERVICES_BIN/parley-bench" "$@"
