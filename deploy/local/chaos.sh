#!/usr/bin/env bash
# Builds what `make up` runs, and fault tests beside it, and runs them: chaos.sh [SCENARIO…], each a name or a family;
# without one all. The environment may hold CHAOS_SESSIONS, CHAOS_TURNS, CHAOS_REPEAT, CHAOS_SABOTAGE and SEED.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_swift
deploy/local/setup.sh
deploy/local/build-services.sh
for product in parley-chaos parley-clockjump; do
  swift build -c release --scratch-path "$SERVICES_BUILD" --product "$product" --quiet
done
exec "$SERVICES_BIN/parley-chaos" "$@"
