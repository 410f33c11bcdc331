#!/usr/bin/env bash
# Everything a checkout needs before it can build: Debian packages and the pinned binaries. Idempotent.
# usage: setup.sh [GROUP…]   (groups of packages.sh; all but lint when none is named)
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$#" -gt 0 ] || set -- libraries servers tools
need_swift
step "Debian packages ($*)" deploy/local/packages.sh "$@"
step "Pinned binaries (librdkafka, OPA, broker) in .vendor" deploy/local/vendor.sh
