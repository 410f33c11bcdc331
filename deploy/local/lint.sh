#!/usr/bin/env bash
# Format and shell checks; changes nothing. Every finding is an error.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_swift
deploy/local/packages.sh lint
failed=0
swift format lint --strict -r -p Package.swift Shared Services Tests || failed=1
scripts=(.ci/run)
while IFS= read -r script; do scripts+=("$script"); done < <(find deploy Tests -name '*.sh' | sort)
for script in "${scripts[@]}"; do
  bash -n "$script" || failed=1
done
shellcheck -x -P SCRIPTDIR "${scripts[@]}" || failed=1
exit "$failed"
