# One machine, no Docker. Every recipe calls a script in deploy/local; `make` alone lists the verbs.
.DEFAULT_GOAL := help
.PHONY: help setup lint format build test ci

help: ## list the verbs
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

setup: ## install Debian packages and fetch the pinned binaries
	@deploy/local/setup.sh

format: ## format all Swift sources in place
	@swift format -i -r -p Package.swift Shared Services Tests

lint: ## check format and shell scripts
	@deploy/local/lint.sh

build: ## build everything for development, warnings as errors
	@deploy/local/build.sh

test: ## set up and run every test
	@deploy/local/test.sh

ci: ## lint, build, test: what continuous integration runs
	@deploy/local/test.sh --ci
