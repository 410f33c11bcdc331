#!/usr/bin/env bash
# Installs the Debian packages that are missing, as root or through sudo; does nothing when all are there.
# Servers are installed for their programs only: what Debian would start by itself (a cluster on 5432, a Redis on 6379)
# is kept from starting, now and after a reboot, unless it was on this machine before.
# usage: packages.sh [libraries] [servers] [tools] [lint]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

libraries=(librdkafka-dev libpq-dev libhiredis-dev libssl-dev libcurl4-openssl-dev zlib1g-dev pkg-config)
servers=(postgresql-15 redis-server)
tools=(python3-pip curl ca-certificates iproute2)
lint=(shellcheck)

# missing PACKAGE…: those of them that are not installed.
missing() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

# guard_services: until the script ends, no package may start a service or make a cluster.
guard_services() {
  trap release_guard EXIT
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    guard_policy=/usr/sbin/policy-rc.d
  fi
  if [ -z "$(ls /etc/postgresql 2>/dev/null)" ]; then
    mkdir -p /etc/postgresql-common/createcluster.d
    guard_cluster=/etc/postgresql-common/createcluster.d/parley-install.conf
    echo 'create_main_cluster = false' >"$guard_cluster"
  fi
}

release_guard() { rm -f ${guard_policy:+"$guard_policy"} ${guard_cluster:+"$guard_cluster"}; }

# install_as_root PACKAGE…: refreshes the package lists only if the install does not work without.
install_as_root() {
  export DEBIAN_FRONTEND=noninteractive
  guard_services
  local apt=(apt-get install -y -q=2 --no-install-recommends "$@")
  "${apt[@]}" >/dev/null 2>&1 || { apt-get update -q=2 && "${apt[@]}" >/dev/null; } ||
    die "apt-get could not install: $*"
  if [[ " $* " == *" redis-server "* ]] && command -v systemctl >/dev/null; then
    systemctl disable redis-server >/dev/null 2>&1 || true
  fi
}

if [ "${1:-}" = --as-root ]; then
  shift
  install_as_root "$@"
  exit
fi

command -v apt-get >/dev/null || die "this is not Debian: install what docs/DEPENDENCIES.md names by hand"
wanted=()
for group in "${@:-libraries}"; do
  case $group in
    libraries) wanted+=("${libraries[@]}") ;;
    servers) wanted+=("${servers[@]}") ;;
    tools) wanted+=("${tools[@]}") ;;
    lint) wanted+=("${lint[@]}") ;;
    *) die "packages.sh: no group named $group (libraries, servers, tools, lint)" ;;
  esac
done
mapfile -t absent < <(missing "${wanted[@]}")
[ "${#absent[@]}" -gt 0 ] || exit 0

script=deploy/local/packages.sh
say "    installing ${absent[*]}"
if [ "$(id -u)" = 0 ]; then
  bash "$script" --as-root "${absent[@]}"
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
  sudo bash "$script" --as-root "${absent[@]}"
else
  die "packages are missing and this is neither root nor sudo; as root run: apt-get install ${absent[*]}"
fi
