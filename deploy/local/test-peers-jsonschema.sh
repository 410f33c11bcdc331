#!/usr/bin/env bash
# Fetches the official JSON Schema test suite for the conformance tests into .vendor/peers/jsonschema-suite (tests/,
# remotes/). It travels in the source distribution of the Python package jsonschema, pinned by version and sha256.
# Idempotent: does nothing when the suite is there. Nothing of it is copied into the repository.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=4.26.0
sha256=0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326
suite=.vendor/peers/jsonschema-suite

if [ -d "$suite/tests/draft2020-12" ] && [ "$(cat "$suite/sha256" 2>/dev/null)" = "$sha256" ]; then exit 0; fi

echo "fetching the JSON Schema test suite (jsonschema $version)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "jsonschema==$version --hash=sha256:$sha256" >"$work/requirement.txt"
# pip looks at a source distribution's metadata, for which it may need the package's build tools: without the network
# for those, what is installed already must do.
fetch() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --require-hashes \
    --dest "$work" "$@" -r "$work/requirement.txt"
}
fetch || fetch --no-build-isolation
archive="$work/jsonschema-$version.tar.gz"
echo "$sha256  $archive" | sha256sum --quiet --check
tar -xzf "$archive" -C "$work" "jsonschema-$version/json/tests" "jsonschema-$version/json/remotes"
mkdir -p "$(dirname "$suite")"
rm -rf "$suite"
mv "$work/jsonschema-$version/json" "$suite"
echo "$sha256" >"$suite/sha256"
