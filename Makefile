# What can be done with a clone, on Debian with a Rust toolchain and root.
# Each target says what it does, is quick the second time, and stops what it started.
.PHONY: help run test soak lint bench

help:  ## Lists the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run:   ## Starts docket.yml.example, shows its dashboard's address and its runs; RUN_FOR=90 ends after 90 s
	@scripts/install-packages run
	@scripts/build
	@scripts/with-engine scripts/run-example "$$(scripts/build --where)"

test:  ## Lint, unit, contract and snapshot tests, and the whole system on a real engine
	@scripts/install-packages test
	@scripts/lint
	@scripts/test

soak:  ## 200 kills, 20,000 runs in storms, ten minutes of simulation: half an hour, with a report
	@scripts/install-packages test
	@scripts/with-clusters scripts/soak

lint:  ## Formatting, clippy and documentation, warnings refused
	@scripts/lint

bench: ## Measures the released server; BENCH="--quick" passes arguments on
	@scripts/install-packages bench
	@scripts/with-engine scripts/bench $(BENCH)
