#!/usr/bin/env bash
# Builds everything, tests included, for development. Warnings are errors (Package.swift says so for every target), and
# so is an import of a module that the manifest does not name as a dependency.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_swift
swift build --build-tests --explicit-target-dependency-import-check error "$@"
