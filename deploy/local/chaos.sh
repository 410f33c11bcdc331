#!/usr/bin/env bash
# Builds everything for development and runs fault tests: chaos.sh [SCENARIO…], each a name or a family; without one all.
# The environment may hold CHAOS_SESSIONS, CHAOS_TURNS and SEED.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_swift
deploy/local/setup.sh
deploy/local/build.sh
exec .build/debug/parley-chaos "$@"
