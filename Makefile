# One machine, no Docker. Every recipe calls a script in deploy/local; `make` alone lists the verbs.
.DEFAULT_GOAL := help
.PHONY: help up down restart status logs setup test ci lint format build coverage fuzz bench chaos chaos-scenario chaos-steady clean

help: ## list the verbs
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

up: ## start everything on this machine, or repair what runs
	@deploy/local/up.sh

down: ## stop everything; data stays
	@deploy/local/down.sh

restart: ## stop, then start
	@deploy/local/down.sh
	@deploy/local/up.sh

status: ## a table of what runs
	@deploy/local/status.sh

logs: ## show the logs (SERVICE=worker.1 for one)
	@deploy/local/logs.sh $(SERVICE)

test: ## set up and run every test
	@deploy/local/test.sh

ci: ## lint, build, test: what continuous integration runs
	@deploy/local/test.sh --ci

lint: ## check the format of Swift sources, and shell scripts
	@deploy/local/lint.sh

format: ## format all Swift sources in place
	@swift format -i -r -p Package.swift Shared Services Tests

build: ## build everything for development, warnings as errors
	@deploy/local/build.sh

coverage: ## run the Swift tests, print the lines covered; fails under 80 % (COVERAGE_MIN)
	@deploy/local/coverage.sh

fuzz: ## run the fuzz tests with a new seed, which is said (SEED=17 to choose it)
	@deploy/local/fuzz.sh $(SEED)

bench: ## measure speed and memory against their bars (ONLY=turns for one part)
	@deploy/local/bench.sh $(ONLY)

chaos: ## break the platform under load in every way there is, and count (REPEAT=3: each three times)
	@CHAOS_REPEAT=$(or $(REPEAT),$(CHAOS_REPEAT),1) deploy/local/chaos.sh

chaos-scenario: ## the same in one way (SCENARIO=worker_kill REPEAT=3)
	@CHAOS_REPEAT=$(or $(REPEAT),$(CHAOS_REPEAT),1) deploy/local/chaos.sh $(or $(SCENARIO),--list)

chaos-steady: ## break nothing for half an hour (CHAOS_MINUTES=30), and watch memory
	@deploy/local/chaos.sh steady

setup: ## install Debian packages and fetch the pinned binaries
	@deploy/local/setup.sh

clean: ## stop everything; remove what was built AND all local data (.run)
	@deploy/local/down.sh
	rm -rf .build "$${PARLEY_RUN:-.run}"
