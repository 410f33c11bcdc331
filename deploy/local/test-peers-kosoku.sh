#!/usr/bin/env bash
# Fetches kosoku, which drives the Autobahn test suite's cases against a WebSocket server, into .vendor/peers/kosoku.
# Pinned by version and sha256, tests only. Idempotent: does nothing when it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=0.1.0
sha256=a9b34e593defe29d931e346c88947b58a015495f09dd13643e4cc952c75602ac
folder=.vendor/peers/kosoku

if [ -f "$folder/kosoku/_cli.py" ] && [ "$(cat "$folder/sha256" 2>/dev/null)" = "$sha256" ]; then exit 0; fi

echo "fetching kosoku $version"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "kosoku==$version --hash=sha256:$sha256" >"$work/requirement.txt"
python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary=:all: \
  --require-hashes --target "$work/kosoku" -r "$work/requirement.txt"
echo "$sha256" >"$work/kosoku/sha256"
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$work/kosoku" "$folder"
